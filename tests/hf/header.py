"""What stands in front of a GGUF file's data."""
import struct

SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def string_at(data, at):
    size, = struct.unpack_from('<Q', data, at)
    return data[at + 8:at + 8 + size], at + 8 + size


def skip_value(data, at, kind):
    if kind == 8:
        return string_at(data, at)[1]
    if kind != 9:
        return at + SCALARS[kind]
    kind, count = struct.unpack_from('<IQ', data, at)
    at += 12
    if kind != 8:
        return at + count * SCALARS[kind]
    for _ in range(count):
        at = string_at(data, at)[1]
    return at


def header_of(data):
    """Keys as (name, begin and end of the value), and where the tensor infos end."""
    tensors, keys = struct.unpack_from('<QQ', data, 8)
    at, found = 24, []
    for _ in range(keys):
        name, at = string_at(data, at)
        kind, = struct.unpack_from('<I', data, at)
        end = skip_value(data, at + 4, kind)
        found.append((name.decode(), at + 4, end))
        at = end
    for _ in range(tensors):
        at = string_at(data, at)[1]
        dims, = struct.unpack_from('<I', data, at)
        at += 4 + 8 * dims + 12
    return found, at


def data_offset(data):
    return (header_of(data)[1] + 31) // 32 * 32
