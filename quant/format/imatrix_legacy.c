/*
 * An importance matrix of the older format, all numbers little-endian:
 *
 *   I32 number of entries, at least 1
 *   entries        I32 length of the name, name, I32 number of calls, I32 number of values, at
 *                  least 1, values F32
 *   I32 number of chunks, I32 length of the dataset's name, that name: files of today
 *
 * What stands behind the entries is taken as far as it is there.
 */
#include <stdlib.h>
#include <string.h>

#include "quant/format/cursor.h"
#include "quant/format/imatrix_state.h"

struct legacy {
    struct cursor cursor;
    struct imatrix *imatrix;
    struct defect *defect;
    unsigned entry; /* from 0; the tool counts names from 1 in its messages, and the rest from 0 */
};

/* The error that the cursor carries, else that the file says what cannot be. */
static int unread(const struct legacy *l, uint64_t at, const char *what, unsigned entry)
{
    if (l->cursor.error == -EIO)
        return defect_set(l->defect, EIO, at, "%s", strerror(l->cursor.io_errno));
    return defect_set(l->defect, l->cursor.error ? ENODATA : EINVAL, at,
                      "failed reading %s for entry %u", what, entry);
}

/* A name of `length` bytes, cut at its first zero byte. */
static int read_text(struct cursor *cursor, uint32_t length, char **text)
{
    *text = malloc((size_t)length + 1);
    if (!*text)
        return -ENOMEM;
    cursor_take(cursor, *text, length);
    (*text)[length] = '\0';
    return 0;
}

/* The numbers are signed: what is negative is more than is left. */
static int read_entry(struct legacy *l)
{
    struct cursor *cursor = &l->cursor;
    uint64_t at = cursor->offset;
    uint32_t length = cursor_u32(cursor), count;
    struct imatrix_entry *entry;
    int32_t calls;
    int r;

    if (cursor->error || length > INT32_MAX || length > cursor_left(cursor))
        return unread(l, at, "name", l->entry + 1);
    entry = imatrix_add(l->imatrix);
    r = entry ? read_text(cursor, length, &entry->name) : -ENOMEM;
    if (r < 0)
        return r;
    at = cursor->offset;
    calls = (int32_t)cursor_u32(cursor);
    count = cursor_u32(cursor);
    if (cursor->error || count < 1 || count > INT32_MAX)
        return unread(l, at, "number of values", l->entry);
    if (count > cursor_left(cursor) / 4)
        return unread(l, at, "data", l->entry);
    r = imatrix_take_values(l->imatrix, entry, count);
    if (r < 0)
        return r;
    cursor_take(cursor, entry->values, (size_t)count * 4);
    if (cursor->error)
        return unread(l, at, "data", l->entry);
    for (uint32_t i = 0; i < count && calls > 0; i++)
        entry->values[i] /= (float)calls;
    return 0;
}

/* A number that the end of the file may cut: what is there are its low bytes. */
static uint32_t read_cut_number(struct cursor *cursor)
{
    size_t size = cursor_left(cursor) < 4 ? (size_t)cursor_left(cursor) : 4;

    return (uint32_t)cursor_number(cursor, size);
}

static int read_tail(struct legacy *l)
{
    struct cursor *cursor = &l->cursor;
    uint32_t length;
    size_t room = sizeof(l->imatrix->dataset) - 1;
    bool whole;

    l->imatrix->chunk_count = (int32_t)read_cut_number(cursor);
    whole = cursor_left(cursor) >= 4;
    length = whole ? cursor_u32(cursor) : 0;
    if (length == 0 || length > INT32_MAX || length > cursor_left(cursor) || cursor->error)
        return cursor->error == -EIO ? unread(l, cursor->offset, "the dataset", l->entry) : 0;
    cursor_take(cursor, l->imatrix->dataset, length < room ? length : room);
    l->imatrix->has_dataset = true;
    return cursor->error ? unread(l, cursor->offset, "the dataset", l->entry) : 0;
}

int imatrix_read_legacy(int fd, uint64_t size, struct imatrix *imatrix, struct defect *defect)
{
    struct legacy l = {.imatrix = imatrix, .defect = defect};
    uint32_t count;
    int r = cursor_open(&l.cursor, fd, size);

    if (r < 0)
        return r;
    count = cursor_u32(&l.cursor);
    if (l.cursor.error == -EIO)
        r = unread(&l, 0, "the number", 0);
    else if (l.cursor.error || count < 1 || count > INT32_MAX)
        r = defect_set(defect, EINVAL, 0, "no data");
    for (; l.entry < count && r == 0; l.entry++)
        r = read_entry(&l);
    if (r == 0)
        r = read_tail(&l);
    cursor_close(&l.cursor);
    return r;
}
