#!/usr/bin/env python3
"""Writes the synthetic sources and imatrix files of the parity cases into a directory.

    gen.py DIR [NAME...]      all sources, or those named

Deterministic: the same bytes everywhere (see sources.sha256). Needs numpy only."""
import os, sys, zlib
import numpy as np
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ggufw import *

SRC = {}      # source name -> function that returns {file name: bytes}
IMX = {}      # imatrix file name -> function that returns bytes


def src(f):
    SRC[f.__name__.rstrip('_').replace('__', '-')] = f
    return f


class Model(Gguf):
    """A model whose weights follow from its seed and the tensors' names"""

    def __init__(self, seed, arch, L, D, nh=8, nkv=None, F=None, typ='F16', ftype=1, eps='rms', extra=(), **kw):
        super().__init__(**kw)
        self.seed, self.arch, self.typ, self.L, self.D, self.nh, self.nkv, self.F = seed, arch, typ, L, D, nh, nkv, F
        self.put('general.architecture', STR, arch)
        self.put('general.name', STR, 'synthetic %s %d' % (arch, seed))
        if ftype is not None:
            self.put('general.file_type', U32, ftype)
        a = arch + '.'
        self.put(a + 'context_length', U32, 512).put(a + 'embedding_length', U32, D).put(a + 'block_count', U32, L)
        if F:
            self.put(a + 'feed_forward_length', U32, F)
        if nh:
            self.put(a + 'attention.head_count', U32, nh)
        if nkv:
            self.put(a + 'attention.head_count_kv', U32, nkv)
        if eps == 'rms':
            self.put(a + 'attention.layer_norm_rms_epsilon', F32, 1e-5)
        elif eps:
            self.put(a + 'attention.layer_norm_epsilon', F32, 1e-5)
        for k, t, v, *s in extra:
            self.put(k if k.startswith('!') is False and '.' in k and k.split('.')[0] in ('general', 'tokenizer') else a + k, t, v, s[0] if s else None)

    def t(self, name, *ne, typ=None, values=None, sigma=0.02, data=None):
        typ = typ or ('F32' if len(ne) == 1 or name.endswith('_norm.weight') or name.endswith('.bias') else self.typ)
        if data is None:
            data = encode((self.seed << 32) ^ zlib.crc32(name.encode()), ne, typ, sigma, values)
        self.tensor(name, ne, typ, data)
        return self

    def vocab(self, V, scores=True):
        toks = ['<unk>', '<s>', '</s>'] + ['\u2581t%d' % i for i in range(V - 3)]
        self.put('tokenizer.ggml.model', STR, 'llama').put('tokenizer.ggml.tokens', ARR, toks, STR)
        if scores:
            self.put('tokenizer.ggml.scores', ARR, [-float(i) for i in range(V)], F32)
        self.put('tokenizer.ggml.token_type', ARR, [2, 3, 3] + [1] * (V - 3), I32)
        self.put('tokenizer.ggml.bos_token_id', U32, 1)
        return self

    def head(self, V, out=True, D=None):
        D = D or self.D
        self.t('token_embd.weight', D, V).t('output_norm.weight', D)
        if out:
            self.t('output.weight', D, V)
        return self

    def attn(self, i, R=None, pre='blk.', bias=False, qknorm=False):
        D, b = self.D, '%s%d.' % (pre, i)
        R = R or D
        kv = max(1, R * (self.nkv or self.nh) // self.nh)
        self.t(b + 'attn_norm.weight', D).t(b + 'attn_q.weight', D, R).t(b + 'attn_k.weight', D, kv).t(b + 'attn_v.weight', D, kv).t(b + 'attn_output.weight', D, R)
        if bias:
            self.t(b + 'attn_q.bias', R).t(b + 'attn_k.bias', kv).t(b + 'attn_v.bias', kv)
        if qknorm:
            self.t(b + 'attn_q_norm.weight', 32).t(b + 'attn_k_norm.weight', 32)
        return self

    def ffn(self, i, R=None, C=None, gate=True, pre='blk.', suffix=''):
        """R rows; C columns of ffn_down (the feed forward length)"""
        D, b = self.D, '%s%d.' % (pre, i)
        C = C or self.F
        self.t(b + 'ffn_norm.weight', D)
        if gate:
            self.t(b + 'ffn_gate%s.weight' % suffix, D, R or C)
        self.t(b + 'ffn_up%s.weight' % suffix, D, R or C).t(b + 'ffn_down%s.weight' % suffix, C, R or D)
        return self

    def moe(self, i, E, R, C, gateinp=True):
        D, b = self.D, 'blk.%d.' % i
        self.t(b + 'ffn_norm.weight', D)
        if gateinp:
            self.t(b + 'ffn_gate_inp.weight', D, E, typ='F32')
        self.t(b + 'ffn_gate_exps.weight', D, R, E).t(b + 'ffn_up_exps.weight', D, R, E).t(b + 'ffn_down_exps.weight', C, R, E)
        return self


def one(m, name=None, **kw):
    return {'': m.bytes(**kw)}


def llama(seed, L=4, D=256, F=512, nh=8, nkv=8, V=160, typ='F16', R=None, out=True, arch='llama', vocab=False, **kw):
    m = Model(seed, arch, L, D, nh, nkv, F, typ, **kw)
    if vocab:
        m.vocab(V)
    m.head(V, out)
    for i in range(L):
        m.attn(i, R).ffn(i, R)
    return m


MOE8 = (('expert_count', U32, 8), ('expert_used_count', U32, 2))


def mixtral(seed, L=8, E=8, R=8, C=256, typ='F16', nkv=2, arch='llama', **kw):
    m = Model(seed, arch, L, 256, 8, nkv, C, typ, extra=(('expert_count', U32, E), ('expert_used_count', U32, 2)), **kw)
    m.vocab(40).head(40)
    for i in range(L):
        m.attn(i, 16).moe(i, E, R, C)
    return m


# ---- dense
@src
def dense():            # the plain case: GQA 4, F16, with a tokenizer
    return one(llama(1, 4, nkv=2, V=160, vocab=True))

@src
def dense__f32():
    return one(llama(2, 2, typ='F32', ftype=0, R=48, V=64))

@src
def dense__bf16():
    return one(llama(3, 2, typ='BF16', ftype=32, R=48, V=64))

@src
def slim16():           # 16 layers without GQA: every layer rule, little data
    return one(llama(4, 16, R=4, V=16))

@src
def slim16g():          # 16 layers, GQA 4, BF16
    return one(llama(5, 16, R=4, V=16, nkv=2, typ='BF16', ftype=32))

@src
def slim28g2():         # 28 layers, GQA 2, F32
    return one(llama(6, 28, R=2, V=8, nkv=4, typ='F32', ftype=0))

@src
def slim80g8():         # the 70B rule: 80 layers and GQA
    return one(llama(7, 80, F=256, R=2, V=8, nkv=1))

@src
def slim80():           # 80 layers without GQA
    return one(llama(8, 80, F=256, R=2, V=8))

@src
def slim7():            # fewer than 8 layers: n/8 is 0
    return one(llama(9, 7, R=4, V=16))

@src
def tied():             # no output.weight
    return one(llama(10, 6, R=8, V=64, out=False))

@src
def qwen2():
    m = Model(11, 'qwen2', 8, 256, 8, 4, 512)
    m.vocab(32, False).head(32)
    for i in range(8):
        m.attn(i, 8, bias=True).ffn(i, 8)
    return one(m)

@src
def qwen2__80():        # the 70B rule of qwen2 does not ask for GQA
    return one(llama(12, 80, F=256, R=2, V=8, arch='qwen2'))

@src
def qwen3():
    m = Model(13, 'qwen3', 8, 256, 8, 2, 512, 'BF16', 32, extra=(('attention.key_length', U32, 32), ('attention.value_length', U32, 32)))
    m.vocab(32, False).head(32, out=False)
    for i in range(8):
        m.attn(i, 16, qknorm=True).ffn(i, 8)
    return one(m)

@src
def gemma2():
    m = Model(14, 'gemma2', 8, 256, 8, 4, 512, extra=(('attention.sliding_window', U32, 64), ('attn_logit_softcapping', F32, 50.0)))
    m.vocab(32).head(32, out=False)
    for i in range(8):
        m.attn(i, 8).ffn(i, 8).t('blk.%d.post_attention_norm.weight' % i, 256).t('blk.%d.post_ffw_norm.weight' % i, 256)
    return one(m)

@src
def gemma3():
    m = Model(15, 'gemma3', 6, 288, 8, 4, 512, extra=(('attention.sliding_window', U32, 64),))
    m.vocab(32).head(32, out=False)
    for i in range(6):
        m.attn(i, 8, qknorm=True).ffn(i, 8)
    return one(m)

@src
def gemma3n():          # altup, laurel, per-layer embeddings
    m = Model(16, 'gemma3n', 4, 256, 8, 2, 512, extra=(('attention.sliding_window', U32, 64),))
    m.head(32, out=False).t('per_layer_token_embd.weight', 512, 32).t('per_layer_model_proj.weight', 256, 8).t('per_layer_proj_norm.weight', 256)
    m.t('altup_proj.weight', 256, 4, 3).t('altup_unembd_proj.weight', 256, 4, 3)
    for i in range(4):
        b = 'blk.%d.' % i
        m.attn(i, 8, qknorm=True).ffn(i, 8).t(b + 'altup_router.weight', 256, 4).t(b + 'laurel_l.weight', 256, 8).t(b + 'laurel_r.weight', 256, 8)
        m.t(b + 'inp_gate.weight', 256, 8).t(b + 'proj.weight', 256, 8)
    return one(m)

@src
def phi3():             # attn_qkv, fused gate and up
    m = Model(17, 'phi3', 16, 256, 8, 8, 256, extra=(('rope.dimension_count', U32, 32),))
    m.vocab(32).head(32)
    for i in range(16):
        b = 'blk.%d.' % i
        m.t(b + 'attn_norm.weight', 256).t(b + 'attn_qkv.weight', 256, 12).t(b + 'attn_output.weight', 256, 4)
        m.t(b + 'ffn_norm.weight', 256).t(b + 'ffn_up.weight', 256, 8).t(b + 'ffn_down.weight', 256, 4)
    m.t('rope_factors_long.weight', 16, typ='F32').t('rope_factors_short.weight', 16, typ='F32')
    return one(m)

@src
def falcon():
    m = Model(18, 'falcon', 32, 256, 8, 1, 512, eps='ln', extra=(('tensor_data_layout', STR, 'jploski'),))
    m.vocab(32, False).head(32).t('output_norm.bias', 256)
    for i in range(32):
        b = 'blk.%d.' % i
        m.t(b + 'attn_norm.weight', 256).t(b + 'attn_norm.bias', 256).t(b + 'attn_qkv.weight', 256, 4).t(b + 'attn_output.weight', 256, 2)
        m.t(b + 'ffn_up.weight', 256, 3).t(b + 'ffn_down.weight', 512, 2)
    return one(m)

@src
def gpt2():             # tied, position embeddings, biases
    m = Model(19, 'gpt2', 4, 256, 8, 8, 512, eps='ln')
    m.head(32, out=False).t('position_embd.weight', 256, 16).t('output_norm.bias', 256)
    for i in range(4):
        b = 'blk.%d.' % i
        m.t(b + 'attn_qkv.weight', 256, 12).t(b + 'attn_qkv.bias', 12).t(b + 'attn_output.weight', 256, 4).t(b + 'ffn_up.weight', 256, 8).t(b + 'ffn_down.weight', 512, 4).t(b + 'ffn_norm.weight', 256)
    return one(m)

# ---- experts
@src
def moe8():
    return one(mixtral(20))

@src
def moe8__16():         # 16 layers: layer rules go by name where there are experts
    return one(mixtral(21, L=16, R=2, C=256, typ='BF16', ftype=32))

@src
def moe4():
    return one(mixtral(22, L=8, E=4, R=3, nkv=8))

@src
def moe8old():          # experts as separate 2-D tensors (ffn_down.0.weight ...)
    m = Model(23, 'llama', 4, 256, 8, 2, 512, extra=MOE8)
    m.head(32)
    for i in range(4):
        m.attn(i, 8).t('blk.%d.ffn_norm.weight' % i, 256).t('blk.%d.ffn_gate_inp.weight' % i, 256, 8, typ='F32')
        for e in range(8):
            m.t('blk.%d.ffn_gate.%d.weight' % (i, e), 256, 3).t('blk.%d.ffn_up.%d.weight' % (i, e), 256, 3).t('blk.%d.ffn_down.%d.weight' % (i, e), 512, 3)
    return one(m)

@src
def qwen3moe():
    m = Model(24, 'qwen3moe', 8, 256, 8, 1, 512, 'BF16', 32, extra=(('expert_count', U32, 16), ('expert_used_count', U32, 4), ('expert_feed_forward_length', U32, 256)))
    m.vocab(32, False).head(32)
    for i in range(8):
        m.attn(i, 8, qknorm=True).moe(i, 16, 2, 256)
    return one(m)

@src
def qwen2moe():         # shared experts beside the routed ones
    m = Model(25, 'qwen2moe', 4, 256, 8, 8, 512, extra=(('expert_count', U32, 8), ('expert_used_count', U32, 2), ('expert_feed_forward_length', U32, 256)))
    m.head(32)
    for i in range(4):
        b = 'blk.%d.' % i
        m.attn(i, 8).moe(i, 8, 2, 256).t(b + 'ffn_gate_inp_shexp.weight', 256, typ='F32')
        m.t(b + 'ffn_gate_shexp.weight', 256, 4).t(b + 'ffn_up_shexp.weight', 256, 4).t(b + 'ffn_down_shexp.weight', 512, 4)
    return one(m)

@src
def gptoss():           # experts are MXFP4 already
    m = Model(26, 'gpt-oss', 4, 256, 8, 1, 256, 'BF16', 38, extra=(('expert_count', U32, 8), ('expert_used_count', U32, 2), ('expert_feed_forward_length', U32, 256), ('attention.sliding_window', U32, 128)))
    m.vocab(32, False).head(32)
    for i in range(4):
        b = 'blk.%d.' % i
        m.attn(i, 8, bias=True).t(b + 'attn_sinks.weight', 8).t(b + 'post_attention_norm.weight', 256).t(b + 'ffn_gate_inp.weight', 256, 8, typ='F32').t(b + 'ffn_gate_inp.bias', 8)
        for n in ('gate', 'up', 'down'):
            m.t(b + 'ffn_%s_exps.weight' % n, 256, 4, 8, typ='MXFP4').t(b + 'ffn_%s_exps.bias' % n, 256, 8, typ='F32')
    return one(m)

@src
def gptoss__bf16():     # the same shape, experts in BF16
    m = Model(27, 'gpt-oss', 4, 288, 8, 1, 288, 'BF16', 32, extra=(('expert_count', U32, 8), ('expert_used_count', U32, 2), ('expert_feed_forward_length', U32, 288), ('attention.sliding_window', U32, 128)))
    m.head(32)
    for i in range(4):
        b = 'blk.%d.' % i
        m.attn(i, 8, bias=True).t(b + 'attn_sinks.weight', 8).t(b + 'ffn_gate_inp.weight', 288, 8, typ='F32')
        for n in ('gate', 'up', 'down'):
            m.t(b + 'ffn_%s_exps.weight' % n, 288, 4, 8).t(b + 'ffn_%s_exps.bias' % n, 288, 8, typ='F32')
    return one(m)

@src
def deepseek2():        # MLA: attn_kv_b and 3-D attn_k_b, attn_v_b; a dense first layer
    m = Model(28, 'deepseek2', 4, 256, 8, 8, 512, 'BF16', 32, extra=(('attention.q_lora_rank', U32, 256), ('attention.kv_lora_rank', U32, 256), ('leading_dense_block_count', U32, 1), ('expert_count', U32, 8),
              ('expert_used_count', U32, 2), ('expert_feed_forward_length', U32, 256), ('expert_shared_count', U32, 1), ('expert_weights_scale', F32, 1.0), ('rope.dimension_count', U32, 32), ('attention.key_length', U32, 96), ('attention.value_length', U32, 64), ('expert_gating_func', U32, 2)))
    m.head(32)
    for i in range(4):
        b = 'blk.%d.' % i
        m.t(b + 'attn_norm.weight', 256).t(b + 'attn_q_a.weight', 256, 8).t(b + 'attn_q_a_norm.weight', 256).t(b + 'attn_q_b.weight', 256, 8).t(b + 'attn_kv_a_mqa.weight', 256, 8).t(b + 'attn_kv_a_norm.weight', 256)
        if i % 2:
            m.t(b + 'attn_kv_b.weight', 256, 8)
        else:
            m.t(b + 'attn_k_b.weight', 64, 4, 8).t(b + 'attn_v_b.weight', 256, 4, 8)
        m.t(b + 'attn_output.weight', 512, 4)
        if i == 0:
            m.ffn(i, 4)
        else:
            m.moe(i, 8, 2, 256).t(b + 'exp_probs_b.bias', 8).t(b + 'ffn_gate_shexp.weight', 256, 4).t(b + 'ffn_up_shexp.weight', 256, 4).t(b + 'ffn_down_shexp.weight', 256, 4)
    return one(m)

# ---- no transformer, or not a decoder
SSM = (('ssm.conv_kernel', U32, 4), ('ssm.inner_size', U32, 512), ('ssm.state_size', U32, 16), ('ssm.time_step_rank', U32, 16))

@src
def mamba():
    m = Model(30, 'mamba', 4, 256, 0, None, 0, extra=SSM)
    m.head(32, out=False)
    for i in range(4):
        b = 'blk.%d.' % i
        m.t(b + 'attn_norm.weight', 256).t(b + 'ssm_in.weight', 256, 16).t(b + 'ssm_conv1d.weight', 4, 512, typ='F32').t(b + 'ssm_conv1d.bias', 512).t(b + 'ssm_x.weight', 512, 8).t(b + 'ssm_dt.weight', 16, 512).t(b + 'ssm_dt.bias', 512)
        m.t(b + 'ssm_a', 16, 512, typ='F32').t(b + 'ssm_d', 512).t(b + 'ssm_out.weight', 512, 8)
    return one(m)

@src
def rwkv7():
    m = Model(31, 'rwkv7', 3, 256, 0, None, 512, eps='ln', extra=(('wkv.head_size', U32, 64), ('attention.decay_lora_rank', U32, 32), ('attention.iclr_lora_rank', U32, 32), ('attention.value_residual_mix_lora_rank', U32, 32), ('attention.gate_lora_rank', U32, 32)))
    m.head(32).t('token_embd_norm.weight', 256).t('token_embd_norm.bias', 256)
    for i in range(3):
        b = 'blk.%d.' % i
        for n in ('w1', 'w2', 'a1', 'a2', 'v1', 'v2', 'g1', 'g2'):
            m.t(b + 'time_mix_%s.weight' % n, 256 if n[1] == '1' else 32, 8)
        for n in ('w0', 'a0', 'v0'):
            m.t(b + 'time_mix_%s.weight' % n, 256)
        for n in ('key', 'value', 'receptance', 'output'):
            m.t(b + 'time_mix_%s.weight' % n, 256, 8)
        m.t(b + 'time_mix_lerp_fused.weight', 256, 1, 1, 6, typ='F32').t(b + 'time_mix_k_k.weight', 256).t(b + 'time_mix_r_k.weight', 64, 4).t(b + 'time_mix_ln.weight', 256).t(b + 'time_mix_ln.bias', 256)
        m.t(b + 'channel_mix_key.weight', 256, 8).t(b + 'channel_mix_value.weight', 512, 8).t(b + 'channel_mix_lerp_k.weight', 256, 1, 1, typ='F32')
    return one(m)

@src
def bert():
    m = Model(32, 'bert', 4, 384, 8, 8, 512, eps='ln', extra=(('attention.causal', BOOL, False), ('pooling_type', U32, 1)))
    m.t('token_embd.weight', 384, 32).t('position_embd.weight', 384, 16).t('token_types.weight', 384, 2).t('token_embd_norm.weight', 384).t('token_embd_norm.bias', 384)
    for i in range(4):
        b = 'blk.%d.' % i
        for n in 'qkv':
            m.t(b + 'attn_%s.weight' % n, 384, 8).t(b + 'attn_%s.bias' % n, 384)
        m.t(b + 'attn_output.weight', 384, 8).t(b + 'attn_output_norm.weight', 384).t(b + 'ffn_up.weight', 384, 8).t(b + 'ffn_down.weight', 512, 8).t(b + 'layer_output_norm.weight', 384)
    m.t('cls.weight', 384, 8).t('cls.output.weight', 384, 2)
    return one(m)

@src
def t5():               # names with enc. and dec. sort before those with blk.
    m = Model(33, 't5', 4, 256, 8, 8, 512, extra=(('attention.relative_buckets_count', U32, 32), ('decoder_start_token_id', U32, 0)))
    m.t('token_embd.weight', 256, 32).t('enc.output_norm.weight', 256).t('dec.output_norm.weight', 256).t('output.weight', 256, 32)
    for p in ('dec.blk.', 'enc.blk.'):
        for i in range(4):
            b = '%s%d.' % (p, i)
            m.t(b + 'attn_rel_b.weight', 8, 32)
            m.attn(i, 8, pre=p).ffn(i, 8, pre=p)
            if p[0] == 'd':
                m.t(b + 'cross_attn_q.weight', 256, 8).t(b + 'cross_attn_k.weight', 256, 8).t(b + 'cross_attn_v.weight', 256, 8).t(b + 'cross_attn_o.weight', 256, 8)
    return one(m)

@src
def clip():             # a vision projector: the tool takes it without any key but the architecture
    m = Gguf().put('general.architecture', STR, 'clip').put('clip.has_vision_encoder', BOOL, True).put('clip.projector_type', STR, 'mlp')
    for n, ne in (('v.patch_embd.weight', (14, 14, 3, 32)), ('v.position_embd.weight', (256, 17)), ('v.blk.0.attn_q.weight', (256, 16)), ('v.blk.0.attn_v.weight', (256, 16)), ('v.blk.0.ffn_down.weight', (512, 8)), ('v.blk.0.ln1.weight', (256,)), ('mm.0.weight', (256, 8)), ('mm.2.weight', (256, 8)), ('v.class_embd', (256,))):
        m.tensor(n, ne, 'F16' if len(ne) > 1 else 'F32', encode(zlib.crc32(n.encode()), ne, 'F16' if len(ne) > 1 else 'F32'))
    return one(m)

# ---- shapes and types
@src
def cols288():          # rows that are multiples of 32, not of 256
    return one(llama(40, 4, 288, 544, R=8, V=32, nkv=2))

@src
def cols80():           # multiples of 16 only; one column each of 96, 250, 33, 1
    m = llama(41, 2, 80, 96, R=8, V=32)
    return one(m.t('blk.0.extra_a.weight', 250, 3).t('blk.0.extra_b.weight', 33, 3).t('blk.0.extra_c.weight', 1, 5).t('blk.0.extra_d.weight', 64, 5).t('blk.0.extra_e.weight', 128, 5))

@src
def mixed():            # every source type in one file
    m = Model(42, 'llama', 2, 256, 8, 2, 512)
    m.head(32)
    for i, (a, b) in enumerate((('F32', 'BF16'), ('Q8_0', 'F16'))):
        p = 'blk.%d.' % i
        m.t(p + 'attn_q.weight', 256, 8, typ=a).t(p + 'attn_k.weight', 256, 8, typ=b).t(p + 'attn_v.weight', 256, 8, typ='F32').t(p + 'attn_output.weight', 256, 8, typ='BF16')
        m.t(p + 'ffn_down.weight', 512, 8, typ=('F16', 'Q4_K')[i]).t(p + 'ffn_up.weight', 256, 8, typ='F16').t(p + 'attn_norm.weight', 256)
        m.t(p + 'odd_norm.weight', 256, 2, typ='F16').t(p + 'attn_q.bias', 256, typ='F16')
    return one(m)

@src
def ints():             # I32 and F64 tensors that are kept
    m = llama(43, 1, R=4, V=16)
    return one(m.t('d2t', 16, typ='I64').t('blk.0.ffn_gate_tid2eid.weight', 4, 16, typ='I32').t('table', 8, 8, typ='F64').t('idx', 12, typ='I8').t('idx2', 5, typ='I16'))

@src
def f64w():             # an F64 tensor that the rule would quantize
    return one(llama(44, 1, R=4, V=16).t('blk.0.wide.weight', 256, 4, typ='F64'))

@src
def long():             # rows longer than a chunk of the tool's threads, and many rows
    m = Model(45, 'llama', 1, 256, 8, 8, 512)
    return one(m.head(700).t('blk.0.ffn_down.weight', 16640, 5).t('blk.0.ffn_up.weight', 512, 97).t('blk.0.attn_v.weight', 256, 131).t('blk.0.ffn_down_exps.weight', 256, 67, 3))

@src
def dims():             # trailing ones, and a matrix of one row
    m = llama(46, 1, R=4, V=16)
    return one(m.t('blk.0.b.weight', 256, 3, 1).t('blk.0.c.weight', 256, 1).t('blk.0.d.weight', 256, 1, 3).t('blk.0.e.weight', 1, 256, 1).t('blk.0.f.weight', 1, 1).t('blk.0.g_norm.weight', 256, 1, 1, 2, typ='F32').t('blk.0.h_norm.weight', 4, 1, 1, 1))

@src
def dims4():            # 4-D
    return one(llama(46, 1, R=4, V=16).t('blk.0.a.weight', 256, 2, 3, 2))

@src
def dims4b():           # 4-D whose last dimension is 1
    return one(llama(46, 1, R=4, V=16).t('blk.0.a.weight', 256, 2, 3, 1))

@src
def values():           # subnormals, huge, tiny and negative zero
    sp = np.zeros((8, 256), dtype=np.float32)
    sp[0] = 6e-8; sp[1] = 65504.0; sp[2] = -0.0; sp[3, ::2] = 1e-7; sp[4] = np.linspace(-1, 1, 256); sp[5] = 1e-3; sp[6, 5] = 3e4; sp[7] = np.where(np.arange(256) % 2, 1, -1)
    big = sp.copy(); big[1] = 3e38; big[0] = 1e-40; big[3, ::2] = 70000.0; big[6, 7] = 65519.99; big[6, 9] = 65520.0; big[5, ::3] = 1.00048828125; big[5, 1::3] = 1.00390625; big[5, 2::3] = 2.98e-8
    m = llama(47, 1, R=4, V=16)
    return one(m.t('blk.0.sp16.weight', 256, 8, values=sp).t('blk.0.sp32.weight', 256, 8, typ='F32', values=sp).t('blk.0.big_norm.weight', 256, 8, typ='F32', values=big).t('blk.0.bigb.weight', 256, 8, typ='BF16', values=np.minimum(sp, 60000)))

@src
def overb16():          # BF16 values beyond F16's range
    return one(llama(47, 1, R=4, V=16).t('blk.0.big.weight', 256, 2, typ='BF16', values=np.full((2, 256), 65504.0)))

@src
def big32():            # F32 values outside F16's range: for F16 and BF16 targets
    b = np.zeros((4, 256), dtype=np.float32)
    b[0] = 1e-40; b[1] = np.linspace(-65000, 65000, 256); b[2, ::3] = 1.00048828125; b[2, 1::3] = 1.00390625; b[2, 2::3] = 2.98e-8; b[3, 0] = 65519.99; b[3, 1] = -65519.99; b[3, 2] = 1.0019531; b[3, 3] = 5.96e-8; b[3, 4] = 1.17549e-38; b[3, 5] = -1e-45
    m = llama(48, 1, R=4, V=16, typ='F32', ftype=0)
    return one(m.t('blk.0.big.weight', 256, 4, typ='F32', values=b))

@src
def over16():           # F32 values that become infinite in F16
    b = np.zeros((2, 256), dtype=np.float32)
    b[0, 3] = 65520.0; b[1, 4] = 1e30
    return one(llama(49, 1, R=4, V=16, typ='F32', ftype=0).t('blk.0.big.weight', 256, 2, typ='F32', values=b))

def withbad(seed, v, typ):
    b = weights(seed, 4, 256); b[2, 17] = v
    return one(llama(seed, 1, R=4, V=16).t('blk.0.bad.weight', 256, 4, typ=typ, values=b))

@src
def nan32():
    return withbad(50, np.nan, 'F32')

@src
def nan16():
    return withbad(51, np.nan, 'F16')

@src
def inf16():
    return withbad(52, np.inf, 'F16')

@src
def infb16():
    return withbad(53, -np.inf, 'BF16')

@src
def nan__norm():        # a NaN in a tensor that is copied
    b = np.ones((1, 256), dtype=np.float32); b[0, 3] = np.nan
    return one(llama(54, 1, R=4, V=16).t('blk.0.z_norm.weight', 256, typ='F32', values=b))

@src
def zeros():            # a tensor of zeros in each type
    m = llama(55, 1, R=4, V=16)
    z = np.zeros((4, 256))
    return one(m.t('blk.0.z16.weight', 256, 4, values=z).t('blk.0.z32.weight', 256, 4, typ='F32', values=z).t('blk.0.zb.weight', 256, 4, typ='BF16', values=z))

@src
def empty__tensor():    # a tensor without elements
    return one(llama(56, 1, R=4, V=16).t('blk.0.none.weight', 256, 0))

@src
def no__tensors():
    return one(Model(57, 'llama', 1, 256, 8, 8, 512))

@src
def order():            # infos not in the tool's order; layers 2 and 10; names that only differ late
    m = Model(58, 'llama', 12, 256, 8, 8, 512)
    for i in (10, 2, 11, 0, 9, 1):
        m.ffn(i, 4).attn(i, 4)
    m.t('zeta.weight', 256, 4).t('Alpha.weight', 256, 4).t('blk.x.weight', 256, 4).t('blk.2', 256, 4).t('blk.-1.attn_v.weight', 256, 4).t('blk. 3.attn_v.weight', 256, 4).t('blk.03.attn_v.weight', 256, 4).t('blk.3attn_v.weight', 256, 4).t('v.blk.5.attn_v.weight', 256, 4)
    return one(m.head(16))

@src
def shuffled():         # the data lie in the reverse order of the infos
    return one(llama(59, 3, R=4, V=16), shuffle=True)

# ---- requantizing
@src
def q8():
    return one(llama(60, 3, R=4, V=16, typ='Q8_0', ftype=7))

@src
def q40():
    return one(llama(61, 3, R=4, V=16, typ='Q4_0', ftype=2, extra=(('general.quantization_version', U32, 2),)))

@src
def q4k():
    return one(llama(62, 3, R=4, V=16, typ='Q4_K', ftype=15))

@src
def q6k():
    return one(llama(63, 3, R=4, V=16, typ='Q6_K', ftype=18))

@src
def q5():
    m = llama(64, 2, R=4, V=16, typ='Q5_1', ftype=9)
    return one(m.t('blk.0.q50.weight', 256, 4, typ='Q5_0').t('blk.0.q41.weight', 256, 4, typ='Q4_1').t('blk.0.q2k.weight', 256, 4, typ='Q2_K').t('blk.0.q3k.weight', 256, 4, typ='Q3_K').t('blk.0.q5k.weight', 256, 4, typ='Q5_K').t('blk.0.mx.weight', 256, 4, typ='MXFP4'))

# ---- the container
@src
def align64():
    return one(llama(70, 2, R=3, V=9, align=64))

@src
def align128():
    return one(llama(71, 2, R=3, V=9, align=128))

@src
def align8():
    return one(llama(72, 2, R=3, V=9, align=8))

@src
def align32():          # the default, spelled out
    return one(llama(73, 2, R=3, V=9, align=32))

@src
def no__ftype():        # neither file_type nor quantization_version
    return one(llama(74, 2, R=3, V=9, ftype=None))

@src
def keys():             # every value type, empty and nested arrays, unicode, file_type in the middle
    m = Model(75, 'llama', 2, 256, 8, 8, 512, ftype=None)
    m.put('general.quantization_version', U32, 7).put('general.file_type', U32, 1)
    m.put('x.u8', U8, 200).put('x.i8', I8, -100).put('x.u16', U16, 60000).put('x.i16', I16, -30000).put('x.u32', U32, 4000000000).put('x.i32', I32, -2000000000).put('x.u64', U64, 2**63 + 5).put('x.i64', I64, -2**62)
    m.put('x.f32', F32, 1.5).put('x.f64', F64, -1e300).put('x.true', BOOL, True).put('x.false', BOOL, False).put('x.empty', STR, '').put('x.uni', STR, 'na\u00efve \u4f60\u597d \U0001f999\n\t"quoted"').put('x.long', STR, 'abc' * 30000)
    for n, t, v in (('u8', U8, [1, 2, 255]), ('i8', I8, [-1, 2]), ('u16', U16, [1, 65535]), ('i16', I16, [-5]), ('u32', U32, [1, 2, 3]), ('i32', I32, [-1]), ('f32', F32, [0.5, 1e30]), ('f64', F64, [1e-300]), ('u64', U64, [2**64 - 1]), ('i64', I64, [-1]), ('bool', BOOL, [1, 0, 1]), ('str', STR, ['', 'a', '\u00fc' * 50])):
        m.put('x.arr.' + n, ARR, v, t)
    m.put('x.arr.none', ARR, [], U32)
    m.put('tokenizer.chat_template', STR, '{% for m in messages %}{{ m }}{% endfor %}')
    m.head(9)
    for i in range(2):
        m.attn(i, 3).ffn(i, 3)
    return one(m)

@src
def keys__emptystr():   # an empty array of strings
    return one(llama(76, 1, R=3, V=9).put('x.none', ARR, [], STR))

@src
def keys__nested():     # an array of arrays: the tool's reader refuses it
    return one(llama(77, 1, R=3, V=9).put('x.nest', ARR, [[1, 2], [3]], (I32,)))

@src
def keys__dup():
    return one(llama(78, 1, R=3, V=9).put('x.a', U32, 1).put('x.a', U32, 2))

@src
def keys__badbool():    # a bool stored as 2
    m = llama(79, 1, R=3, V=9).put('x.b', U8, 2).put('x.bb', ARR, [2, 1, 0], BOOL)
    return {'': m.bytes().replace(b'x.b' + struct.pack('<I', U8), b'x.b' + struct.pack('<I', BOOL))}

@src
def keys__split():      # split.* keys in a file that is not split
    return one(llama(80, 1, R=3, V=9).put('split.no', U16, 0).put('split.count', U16, 0).put('split.tensors.count', I32, 12))

@src
def keys__imatrix():    # quantize.imatrix.* left from an earlier life
    return one(llama(81, 1, R=3, V=9).put('quantize.imatrix.file', STR, 'old.dat').put('quantize.imatrix.dataset', STR, 'old').put('quantize.imatrix.entries_count', I32, 5).put('quantize.imatrix.chunks_count', I32, 6).put('x.after', U32, 1))

@src
def keys__nul():        # strings with a zero byte (the tool cuts them there) and bytes that are not UTF-8
    return one(llama(98, 1, R=3, V=9).put('x.nul', STR, b'a\0b').put('x.bad', STR, b'\xff\xfe').put('x.anul', ARR, [b'a\0b', b'c', b'\0'], STR))

@src
def keys__ftype():      # file_type is not U32
    return one(llama(99, 1, R=3, V=9, ftype=None).put('general.file_type', I32, 1))

@src
def names5():           # names of five bytes; names that are not ASCII
    return one(llama(100, 1, R=3, V=9).t('abcd', 256, 3).t('abcde', 256, 3).t('abcdef', 256, 3).t('n\u00fc.weight', 256, 3).t('\u4f60.weight', 256, 3).t('a b=c.weight', 256, 3).t('ABC.weight', 256, 3))

@src
def jais2():            # the 70B rule at 68 layers
    m = Model(101, 'jais2', 68, 256, 8, 8, 256, eps='ln')
    m.head(8)
    for i in range(68):
        m.t('blk.%d.attn_v.weight' % i, 256, 2).t('blk.%d.ffn_down.weight' % i, 256, 2)
    return one(m)

@src
def v2():
    return one(llama(82, 1, R=3, V=9, version=2))

@src
def v1():
    return one(llama(83, 1, R=3, V=9, version=1))

@src
def bigendian():
    return one(llama(84, 1, R=3, V=9, big=True))

@src
def no__pad():          # the last tensor is not padded
    return one(llama(85, 1, R=3, V=9).t('zz.bias', 3), pad_last=False)

@src
def tail():             # bytes after the last tensor
    return {'': llama(86, 1, R=3, V=9).bytes(tail=b'junk' * 100)}

@src
def cut():              # the last 100 bytes are missing
    return {'': llama(87, 1, R=3, V=9).bytes()[:-100]}

@src
def extra():            # tensors no architecture knows
    return one(llama(88, 2, R=3, V=9).t('foo.weight', 256, 3).t('blk.0.foo.bar', 256, 3).t('blk.7.attn_v.weight', 256, 3).t('weight', 256, 3).t('a.b.ffn_down.c', 256, 3).t('a.b.ffn_down.weight', 256, 3).t('xffn_downweight', 256, 3))

@src
def name64():           # a tensor name of 64 bytes (the longest is 63)
    return one(llama(89, 1, R=3, V=9).t('n' * 57 + '.weight', 256, 3))

@src
def name63():
    return one(llama(89, 1, R=3, V=9).t('n' * 56 + '.weight', 256, 3))

@src
def noarch():
    m = llama(90, 1, R=3, V=9); m.kv = [k for k in m.kv if k[0] != 'general.architecture']
    return one(m)

@src
def badarch():
    return one(llama(91, 1, R=3, V=9, arch='nosucharch'))

@src
def nokeys():           # block_count is missing
    m = llama(92, 1, R=3, V=9); m.kv = [k for k in m.kv if not k[0].endswith('block_count')]
    return one(m)

@src
def headarr():          # head counts per layer: the first layer decides GQA
    m = Model(93, 'llama', 4, 256, None, None, 512)
    m.put('llama.attention.head_count', ARR, [8, 8, 8, 8], I32).put('llama.attention.head_count_kv', ARR, [2, 8, 8, 8], I32)
    m.nh, m.nkv = 8, 2
    m.head(16)
    for i in range(4):
        m.attn(i, 8).ffn(i, 8)
    return one(m)

@src
def headarr0():         # the first layer has no KV heads
    m = Model(94, 'llama', 4, 256, None, None, 512)
    m.put('llama.attention.head_count', ARR, [8, 8, 8, 8], I32).put('llama.attention.head_count_kv', ARR, [0, 1, 1, 1], I32)
    m.nh, m.nkv = 8, 1
    m.head(16)
    for i in range(4):
        m.attn(i, 8).ffn(i, 8)
    return one(m)

def splitset(seed, n, empty_first=False, **kw):
    full = llama(seed, 4, R=5, V=16, **kw)
    per = -(-len(full.tensors) // n)
    groups = [full.tensors[i:i + per] for i in range(0, len(full.tensors), per)]
    if empty_first:
        groups = [[]] + groups
    out = {}
    for i, ts in enumerate(groups):
        g = Gguf(align=full.align if full.align != 32 else None)
        if i == 0:
            g.kv += [k for k in full.kv if k[0] != 'general.alignment']
        g.put('split.no', U16, i).put('split.tensors.count', I32, len(full.tensors)).put('split.count', U16, len(groups))
        g.tensors = ts
        out['-%05d-of-%05d' % (i + 1, len(groups))] = g.bytes()
    return out

@src
def split3():
    return splitset(95, 3)

@src
def split2e():          # the first shard has no tensors
    return splitset(96, 2, True)

@src
def split3bad():        # a shard is missing
    o = splitset(97, 3)
    del o['-00002-of-00003']
    return o

# ---- imatrix files
def columns(seed, n, mats=1):
    w = np.abs(weights(seed, mats, n, 1.0)).astype(np.float32) + np.float32(1e-3)
    w[:, ::37] *= np.float32(30)
    if n > 64:
        w[0, 40:48] = 0
    return w


def entries(model, skip=(), only=None, outputs=True):
    for name, ne, typ, _ in model.tensors:
        if len(ne) < 2 or 'norm' in name or name in skip or (only and only not in name) or 'token_embd' in name or 'gate_inp' in name:
            continue
        if not outputs and name == 'output.weight':
            continue
        yield name, ne[0], (ne[2] if len(ne) > 2 else 1)


def imx_gguf(seed, ents, count=lambda name, mats: [64.0 * (1 + (i * 7) % 5) for i in range(mats)], datasets=('wiki.test.raw', 'other.txt'), chunks=12, drop=(), meta=True, sums=columns, extra=()):
    g = Gguf()
    g.put('general.type', STR, 'imatrix')
    if meta:
        if 'datasets' not in drop:
            g.put('imatrix.datasets', ARR, list(datasets), STR)
        if 'chunk_count' not in drop:
            g.put('imatrix.chunk_count', U32, chunks)
        if 'chunk_size' not in drop:
            g.put('imatrix.chunk_size', U32, 512)
    for name, n, mats in ents:
        c = np.array(count(name, mats), dtype=np.float32)
        s = sums(seed ^ zlib.crc32(name.encode()), n, mats) * np.maximum(c, 0)[:, None]
        g.tensor(name + '.in_sum2', (n, mats), 'F32', s.astype('<f4').tobytes())
        g.tensor(name + '.counts', (1, mats), 'F32', c.astype('<f4').tobytes())
    for t in extra:
        g.tensor(*t)
    return g.bytes()


def imx_dat(seed, ents, ncall=8, last=(12, 'wiki.test.raw'), scale=None, sums=columns):
    ents = list(ents)
    out = struct.pack('<i', len(ents))
    for name, n, mats in ents:
        v = sums(seed ^ zlib.crc32(name.encode()), n, mats).astype(np.float32) * np.float32(ncall if scale is None else scale)
        b = name.encode()
        out += struct.pack('<i', len(b)) + b + struct.pack('<ii', ncall, n * mats) + v.astype('<f4').tobytes()
    if last:
        out += struct.pack('<ii', last[0], len(last[1])) + last[1].encode()
    return out


def model_of(name):
    """tensor list of a source, without writing it"""
    keep = Gguf.bytes
    got = []
    Gguf.bytes = lambda self, **kw: got.append(self) or b''
    try:
        SRC[name]()
    finally:
        Gguf.bytes = keep
    return got[0]


def imx(name):
    def deco(f):
        IMX[name] = f
        return f
    return deco


for _s in ('dense', 'slim16', 'slim16g', 'moe8', 'moe8-16', 'moe4', 'falcon', 'tied', 'cols288', 'qwen3moe', 'slim80g8', 'deepseek2', 'gptoss-bf16', 'slim28g2', 'phi3', 'order'):
    IMX['im-%s.gguf' % _s] = (lambda s: lambda: imx_gguf(1000, entries(model_of(s))))(_s)
for _s in ('dense', 'slim16', 'moe8', 'slim16g'):
    IMX['im-%s.dat' % _s] = (lambda s: lambda: imx_dat(1000, entries(model_of(s))))(_s)


@imx('im-nolast.dat')
def _():
    return imx_dat(1000, entries(model_of('slim16')), last=None)

@imx('im-ncall0.dat')
def _():
    return imx_dat(1000, entries(model_of('slim16')), ncall=0, scale=3)

@imx('im-part.gguf')    # only some tensors
def _():
    return imx_gguf(1000, entries(model_of('slim16'), only='attn'))

@imx('im-short.gguf')   # a wrong length for one tensor
def _():
    e = [(n, c // 2 if n == 'blk.3.ffn_up.weight' else c, m) for n, c, m in entries(model_of('slim16'))]
    return imx_gguf(1000, e)

@imx('im-embd.gguf')    # a wrong length for token_embd, which is tolerated
def _():
    return imx_gguf(1000, list(entries(model_of('slim16'))) + [('token_embd.weight', 128, 1)])

@imx('im-embdok.gguf')
def _():
    return imx_gguf(1000, list(entries(model_of('slim16'))) + [('token_embd.weight', 256, 1)])

@imx('im-zero.gguf')    # an expert never called (count 0)
def _():
    return imx_gguf(1000, entries(model_of('moe8')), count=lambda n, m: [0.0 if i == 3 else 10.0 + i for i in range(m)])

@imx('im-onecount.gguf')  # one count for eight experts
def _():
    g = Gguf()
    g.put('general.type', STR, 'imatrix').put('imatrix.datasets', ARR, ['d'], STR).put('imatrix.chunk_count', U32, 3).put('imatrix.chunk_size', U32, 512)
    for name, n, mats in entries(model_of('moe8')):
        g.tensor(name + '.in_sum2', (n, mats), 'F32', columns(5 ^ zlib.crc32(name.encode()), n, mats).astype('<f4').tobytes())
        g.tensor(name + '.counts', (1, 1), 'F32', np.array([7], dtype='<f4').tobytes())
    return g.bytes()

@imx('im-nan.gguf')
def _():
    def s(seed, n, m):
        w = columns(seed, n, m); w[0, 9] = np.nan
        return w
    return imx_gguf(1000, entries(model_of('slim16')), sums=s)

@imx('im-nometa.gguf')
def _():
    return imx_gguf(1000, entries(model_of('slim16')), meta=False)

@imx('im-nodata.gguf')  # without the list of datasets
def _():
    return imx_gguf(1000, entries(model_of('slim16')), drop=('datasets',))

@imx('im-nochunks.gguf')
def _():
    return imx_gguf(1000, entries(model_of('slim16')), drop=('chunk_count',))

@imx('im-chunks0.gguf')
def _():
    return imx_gguf(1000, entries(model_of('slim16')), chunks=0)

@imx('im-emptyset.gguf')  # an empty list of datasets
def _():
    return imx_gguf(1000, entries(model_of('slim16')), datasets=())

@imx('im-longset.gguf')
def _():
    return imx_gguf(1000, entries(model_of('slim16')), datasets=('d' * 200,))

@imx('im-nocounts.gguf')  # sums without counts
def _():
    g = Gguf()
    g.put('general.type', STR, 'imatrix').put('imatrix.datasets', ARR, ['d'], STR).put('imatrix.chunk_count', U32, 3).put('imatrix.chunk_size', U32, 512)
    for name, n, mats in entries(model_of('slim16')):
        g.tensor(name + '.in_sum2', (n, mats), 'F32', columns(5, n, mats).astype('<f4').tobytes())
    return g.bytes()

@imx('im-stray.gguf')   # a tensor that is neither sums nor counts
def _():
    return imx_gguf(1000, entries(model_of('slim16')), extra=[('blk.0.attn_q.weight.in_sum', (256, 1), 'F32', columns(3, 256).astype('<f4').tobytes())])

@imx('im-none.gguf')    # no tensor at all
def _():
    return imx_gguf(1000, [])

@imx('im-none.dat')
def _():
    return struct.pack('<i', 0)

@imx('im-cut.dat')
def _():
    return imx_dat(1000, entries(model_of('slim16')))[:3000]

@imx('types.txt')
def _():
    return b'attn_v=q8_0\n  ffn_down=Q6_K\tblk\\.[0-3]\\..*=q5_0\n\nattn_q=f16\n'

@imx('typesbad.txt')
def _():
    return b'attn_v=q8_0 nonsense\n'


def write(dir, names=None):
    os.makedirs(dir, exist_ok=True)
    for n, f in SRC.items():
        if not names or n in names:
            for suffix, b in f().items():
                with open(os.path.join(dir, n + suffix + '.gguf'), 'wb') as o:
                    o.write(b)
    for n, f in IMX.items():
        if not names or n in names:
            with open(os.path.join(dir, n), 'wb') as o:
                o.write(f())


if __name__ == '__main__':
    write(sys.argv[1], set(sys.argv[2:]))
