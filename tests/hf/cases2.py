"""Further cases, in the form of cases.py and with its helpers."""
import base64
import zlib

import cases as hc
from hfgen import (CHATML, PRE, Case, added, bpe_files, bpe_vocab, spm_model, spm_pieces, split, template_post)  # noqa: F401

DROP, E, FF, H, HD, KV, L = hc.DROP, hc.E, hc.FF, hc.H, hc.HD, hc.KV, hc.L
attn, base_cfg, dense, mlp, qwen_tok, llama3_tok, gemma_spm, moe_layer = hc.attn, hc.base_cfg, hc.dense, hc.mlp, hc.qwen_tok, hc.llama3_tok, hc.gemma_spm, hc.moe_layer
GEMMA_NORMS = hc.GEMMA2_NORMS


def linear_bias(p, o, k):
    return [(p + ".weight", [o, k], "w"), (p + ".bias", [o], "w")]


def ln(p, n=None):
    return [(p + ".weight", [n or E], "norm"), (p + ".bias", [n or E], "w")]


# ------------------------------------------------------------------- Gemma

def gemma3n():
    f, n = gemma_spm()
    v, vp, HP = n + 24, n + 8, 8
    NL = 4
    tc = {"model_type": "gemma3n_text", "activation_sparsity_pattern": [0.95, 0.95, 0.0, 0.0], "altup_active_idx": 0, "altup_coef_clip": 120.0, "altup_correct_scale": True, "altup_num_inputs": 4, "attention_bias": False,
          "final_logit_softcapping": 30.0, "head_dim": 16, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": E, "hidden_size_per_layer_input": HP, "intermediate_size": [FF] * NL, "laurel_rank": 8,
          "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"], "max_position_embeddings": 32768, "num_attention_heads": H, "num_hidden_layers": NL, "num_key_value_heads": KV, "num_kv_shared_layers": 2,
          "rms_norm_eps": 1e-06, "rope_local_base_freq": 10000.0, "rope_scaling": None, "rope_theta": 1000000.0, "sliding_window": 512, "vocab_size": v, "vocab_size_per_layer_input": vp}
    c = {"architectures": ["Gemma3nForConditionalGeneration"], "model_type": "gemma3n", "audio_config": {"model_type": "gemma3n_audio"}, "vision_config": {"model_type": "gemma3n_vision"}, "text_config": tc,
         "audio_token_id": n + 10, "image_token_id": n + 9, "eos_token_id": [1, 106], "torch_dtype": "bfloat16"}
    m = "model.language_model."
    t = [(m + "embed_tokens.weight", [v, E], "w"), (m + "embed_tokens_per_layer.weight", [vp, NL * HP], "w"), (m + "per_layer_model_projection.weight", [NL * HP, E], "w"), (m + "per_layer_projection_norm.weight", [HP], "norm"),
         (m + "norm.weight", [E], "norm")]
    for i in range(3):
        t += [(m + "altup_projections.%d.weight" % i, [E, E], "w"), (m + "altup_unembed_projections.%d.weight" % i, [E, E], "w")]
    for i in range(NL):
        q = m + "layers.%d." % i
        t += [(q + x + ".weight", [E], "norm") for x in GEMMA_NORMS + ("post_per_layer_input_norm", "altup.router_norm", "laurel.post_laurel_norm")]
        t += [(q + "altup.correct_output_scale", [E], "w"), (q + "altup.correction_coefs.weight", [4, 4], "w"), (q + "altup.prediction_coefs.weight", [16, 4], "w"), (q + "altup.modality_router.weight", [4, E], "w"),
              (q + "laurel.linear_left.weight", [8, E], "w"), (q + "laurel.linear_right.weight", [E, 8], "w"), (q + "per_layer_input_gate.weight", [HP, E], "w"), (q + "per_layer_projection.weight", [E, HP], "w")]
        t += attn(q + "self_attn.", hd=16, qk_norm=16) + mlp(q + "mlp.")
    t += [("model.embed_vision.embedding.weight", [8, 32], "w"), ("model.embed_audio.soft_embedding_norm.weight", [32], "norm"), ("model.vision_tower.timm_model.conv_stem.conv.weight", [8, 3, 3, 3], "w"),
          ("model.audio_tower.conformer.0.norm.weight", [32], "norm")]
    return Case("gemma3n", "gemma-3n-E2B-it", c, t, f, None, shards=2, note="AltUp, Laurel, per-layer embeddings padded to the full vocabulary, activation sparsity with -inf, vision and audio tensors dropped")


def gemma4_tok():
    """Gemma 4: no tokenizer.model; BPE with byte fallback in tokenizer.json."""
    p = spm_pieces(gemma=True)
    p[4:8] = [("<mask>", 0.0, 3), ("<|channel>", 0.0, 3), ("<channel|>", 0.0, 3), ("<|tool_call>", 0.0, 3)]
    vocab = {q[0]: i for i, q in enumerate(p)}
    merges = []
    for s, sc, ty in p:
        if ty == 1 and len(s) > 1:
            for k in range(1, len(s)):
                if s[:k] in vocab and s[k:] in vocab:
                    merges.append([s[:k], s[k:]])
    spx = ("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<|channel>", "<channel|>", "<|tool_call>", "<start_of_turn>", "<end_of_turn>")
    add = [added(vocab[s], s, True, False) for s in spx]
    nxt = len(p)
    for s, sp in (("<|turn>", True), ("<turn|>", True), ("<|\"|>", False), ("<plain>", False)):
        add.append(added(nxt, s, sp, False))
        nxt += 1
    tj = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": add, "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
          "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}, "post_processor": template_post("<bos>", None, {"<bos>": 2}),
          "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]},
          "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False, "vocab": vocab, "merges": merges}}
    tc = {"bos_token": "<bos>", "eos_token": "<turn|>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>", "tokenizer_class": "GemmaTokenizer", "model_max_length": 1000000000000000019884624838656, "padding_side": "left",
          "extra_special_tokens": ["<|channel>", "<channel|>"]}
    return {"tokenizer.json": tj, "tokenizer_config.json": tc, "chat_template.jinja": "{{ bos_token }}{% for m in messages %}<|turn>{{ m['role'] }}\n{{ m['content'] }}<turn|>\n{% endfor %}"}, nxt


GEMMA4_ROPE = {"full_attention": {"partial_rotary_factor": 0.25, "rope_theta": 1000000.0, "rope_type": "proportional"}, "sliding_attention": {"rope_theta": 10000.0, "rope_type": "default"}}


def gemma4_e2b():
    f, n = gemma4_tok()
    f["generation_config.json"] = {"bos_token_id": 2, "do_sample": True, "eos_token_id": [1, 9], "temperature": 1.0, "top_k": 64, "top_p": 0.95}
    NL, HP = 5, 8
    lt = ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention", "full_attention"]
    tc = {"model_type": "gemma4_text", "attention_bias": False, "attention_k_eq_v": False, "bos_token_id": 2, "enable_moe_block": False, "eos_token_id": 1, "pad_token_id": 0, "expert_intermediate_size": None, "final_logit_softcapping": 30.0, "global_head_dim": 32, "head_dim": 16,
          "hidden_activation": "gelu_pytorch_tanh", "hidden_size": E, "hidden_size_per_layer_input": HP, "intermediate_size": FF, "layer_types": lt, "max_position_embeddings": 131072, "num_attention_heads": H, "num_experts": None,
          "num_global_key_value_heads": None, "num_hidden_layers": NL, "num_key_value_heads": 1, "num_kv_shared_layers": 2, "rms_norm_eps": 1e-06, "rope_parameters": GEMMA4_ROPE, "sliding_window": 512, "tie_word_embeddings": True,
          "top_k_experts": None, "use_double_wide_mlp": True, "vocab_size": n, "vocab_size_per_layer_input": n}
    c = {"architectures": ["Gemma4ForConditionalGeneration"], "model_type": "gemma4", "text_config": tc, "vision_config": {"model_type": "gemma4_vision"}, "audio_config": {"model_type": "gemma4_audio"}, "image_token_id": 7, "tie_word_embeddings": True,
         "eos_token_id": [1, 9], "dtype": "bfloat16"}
    m = "model.language_model."
    t = [(m + "embed_tokens.weight", [n, E], "w"), (m + "embed_tokens_per_layer.weight", [n, NL * HP], "w"), (m + "per_layer_model_projection.weight", [NL * HP, E], "w"), (m + "per_layer_projection_norm.weight", [HP], "norm"), (m + "norm.weight", [E], "norm")]
    for i in range(NL):
        q = m + "layers.%d." % i
        hd, ff = (32 if lt[i] == "full_attention" else 16), (2 * FF if i >= 3 else FF)
        t += [(q + x + ".weight", [E], "norm") for x in GEMMA_NORMS + ("post_per_layer_input_norm",)] + attn(q + "self_attn.", kv=1, hd=hd, qk_norm=hd) + mlp(q + "mlp.", ff=ff)
        t += [(q + "layer_scalar", [1], "pos"), (q + "per_layer_input_gate.weight", [HP, E], "w"), (q + "per_layer_projection.weight", [E, HP], "w")]
    t += [("model.embed_vision.embedding_projection.weight", [E, 32], "w"), ("model.vision_tower.encoder.layers.0.input_layernorm.weight", [32], "norm"), ("model.audio_tower.layers.0.norm_out.weight", [32], "norm")]
    return Case("gemma4_e2b", "gemma-4-E2B-it", c, t, f, None, note="per-layer embeddings, shared KV layers, double wide MLP, two head sizes, proportional rope tensor, tokenizer model gemma4")


def gemma4_moe():
    f, n = gemma4_tok()
    NL, X, FX = 3, 4, 32
    lt = ["sliding_attention", "sliding_attention", "full_attention"]
    tc = {"model_type": "gemma4_text", "attention_k_eq_v": True, "enable_moe_block": True, "moe_intermediate_size": FX, "final_logit_softcapping": 30.0, "global_head_dim": 32, "head_dim": 16, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": E,
          "hidden_size_per_layer_input": 0, "intermediate_size": FF, "layer_types": lt, "max_position_embeddings": 262144, "num_attention_heads": H, "num_experts": X, "num_global_key_value_heads": 1, "num_hidden_layers": NL, "num_key_value_heads": KV,
          "num_kv_shared_layers": 0, "rms_norm_eps": 1e-06, "rope_parameters": GEMMA4_ROPE, "sliding_window": 1024, "tie_word_embeddings": True, "top_k_experts": 2, "use_double_wide_mlp": False, "vocab_size": n}
    c = {"architectures": ["Gemma4ForConditionalGeneration"], "model_type": "gemma4", "text_config": tc, "vision_config": {"model_type": "gemma4_vision"}, "tie_word_embeddings": True, "dtype": "bfloat16"}
    m = "model.language_model."
    t = [(m + "embed_tokens.weight", [n, E], "w"), (m + "norm.weight", [E], "norm")]
    for i in range(NL):
        q = m + "layers.%d." % i
        full = lt[i] == "full_attention"
        hd = 32 if full else 16
        t += [(q + x + ".weight", [E], "norm") for x in GEMMA_NORMS + ("post_feedforward_layernorm_1", "post_feedforward_layernorm_2", "pre_feedforward_layernorm_2")]
        a = attn(q + "self_attn.", kv=1 if full else KV, hd=hd, qk_norm=hd)
        t += [x for x in a if not (full and "v_proj" in x[0])] + mlp(q + "mlp.")
        t += [(q + "layer_scalar", [1], "pos"), (q + "router.scale", [E], "pos"), (q + "router.per_expert_scale", [X], "pos"), (q + "router.proj.weight", [X, E], "w"), (q + "experts.gate_up_proj", [X, 2 * FX, E], "w"), (q + "experts.down_proj", [X, E, FX], "w")]
    return Case("gemma4_moe", "gemma-4-26B-A4B-it", c, t, f, None, shards=2, note="experts beside a dense MLP, gate_up stays fused, router scales, K used as V on full layers")


def embgemma():
    f, n = gemma_spm()
    f["modules.json"] = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
                         {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}]
    f["1_Pooling/config.json"] = {"word_embedding_dimension": E, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    c = base_cfg("Gemma3TextModel", "gemma3_text", n, head_dim=32, num_key_value_heads=1, attn_logit_softcapping=None, final_logit_softcapping=None, query_pre_attn_scalar=256, sliding_window=512, use_bidirectional_attention=True,
                 rope_local_base_freq=10000.0, rope_theta=1000000.0, rope_scaling=None, bos_token_id=2, eos_token_id=1, pad_token_id=0, num_hidden_layers=6, max_position_embeddings=2048, hidden_activation="gelu_pytorch_tanh", tie_word_embeddings=DROP, rms_norm_eps=1e-06,
                 layer_types=["sliding_attention"] * 5 + ["full_attention"])
    t = dense(n, layers=6, tied=True, kv=1, hd=32, norm="gnorm", norms=GEMMA_NORMS, qk_norm=32, pre="")
    return Case("embgemma", "embeddinggemma-300m", c, t, f, None, "F32", note="embedding model: sliding window of the file, not the class; pooling; dense modules not included")


# -------------------------------------------------------------------- Qwen

def gdn_next(a, nk, nv, kd, vd):
    """Qwen3-Next linear attention: q, k, v, z interleaved by key head."""
    return [(a + "A_log", [nv], "pos"), (a + "dt_bias", [nv], "w"), (a + "conv1d.weight", [2 * nk * kd + nv * vd, 1, 4], "w"), (a + "in_proj_qkvz.weight", [2 * nk * kd + 2 * nv * vd, E], "w"), (a + "in_proj_ba.weight", [2 * nv, E], "w"),
            (a + "norm.weight", [vd], "norm"), (a + "out_proj.weight", [E, nv * vd], "w")]


def qfull(q, hd=32):
    return [(q + "self_attn.q_proj.weight", [2 * H * hd, E], "w"), (q + "self_attn.k_proj.weight", [KV * hd, E], "w"), (q + "self_attn.v_proj.weight", [KV * hd, E], "w"), (q + "self_attn.o_proj.weight", [E, H * hd], "w"),
            (q + "self_attn.q_norm.weight", [hd], "gnorm"), (q + "self_attn.k_norm.weight", [hd], "gnorm")]


def qwen3next():
    f, ids, n = qwen_tok()
    NK, NV, KD, VD, X = 2, 4, 16, 8, 4
    c = base_cfg("Qwen3NextForCausalLM", "qwen3_next", n, head_dim=32, num_hidden_layers=4, num_experts=X, num_experts_per_tok=2, moe_intermediate_size=32, shared_expert_intermediate_size=48, decoder_sparse_step=1, norm_topk_prob=True, mlp_only_layers=[],
                 full_attention_interval=4, linear_conv_kernel_dim=4, linear_key_head_dim=KD, linear_num_key_heads=NK, linear_num_value_heads=NV, linear_value_head_dim=VD, partial_rotary_factor=0.25, rope_theta=10000000, rms_norm_eps=1e-06, attention_bias=False,
                 bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], max_position_embeddings=262144, rope_scaling=None)
    t = [("model.embed_tokens.weight", [n, E], "w")]

    def moe(q):
        return moe_layer(q, X, 32, shared=48, gate_shared=True)
    for i in range(4):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "gnorm"), (q + "post_attention_layernorm.weight", [E], "gnorm")]
        t += (qfull(q) if i == 3 else gdn_next(q + "linear_attn.", NK, NV, KD, VD)) + moe(q)
    t += [("model.norm.weight", [E], "gnorm"), ("lm_head.weight", [n, E], "w")]
    m = "mtp."
    t += [(m + "fc.weight", [E, 2 * E], "w"), (m + "norm.weight", [E], "gnorm"), (m + "pre_fc_norm_embedding.weight", [E], "gnorm"), (m + "pre_fc_norm_hidden.weight", [E], "gnorm"),
          (m + "layers.0.input_layernorm.weight", [E], "gnorm"), (m + "layers.0.post_attention_layernorm.weight", [E], "gnorm")] + qfull(m + "layers.0.") + moe(m + "layers.0.")
    return Case("qwen3next", "Qwen3-Next-80B-A3B-Instruct", c, t, f, "qwen2", shards=2, note="q k v z split out of one interleaved tensor, MTP layer found from the tensor names")


def qwen35moe():
    f, ids, n = qwen_tok("qwen35")
    KD, VD, NK, NV, X = 16, 8, 2, 4, 4
    tc = {"model_type": "qwen3_5_moe_text", "hidden_size": E, "num_hidden_layers": 4, "num_attention_heads": H, "num_key_value_heads": KV, "head_dim": 32, "rms_norm_eps": 1e-06, "vocab_size": n, "max_position_embeddings": 262144, "attn_output_gate": True,
          "full_attention_interval": 4, "hidden_act": "silu", "linear_conv_kernel_dim": 4, "linear_key_head_dim": KD, "linear_num_key_heads": NK, "linear_num_value_heads": NV, "linear_value_head_dim": VD, "moe_intermediate_size": 32, "mtp_num_hidden_layers": 1,
          "num_experts": X, "num_experts_per_tok": 2, "shared_expert_intermediate_size": 48, "tie_word_embeddings": False, "layer_types": ["linear_attention"] * 3 + ["full_attention"], "eos_token_id": ids["<|endoftext|>"],
          "rope_parameters": {"mrope_interleaved": True, "mrope_section": [11, 11, 10], "rope_type": "default", "rope_theta": 10000000, "partial_rotary_factor": 0.25}}
    c = {"architectures": ["Qwen3_5MoeForConditionalGeneration"], "model_type": "qwen3_5_moe", "tie_word_embeddings": False, "text_config": tc, "image_token_id": 1, "vision_config": {"model_type": "qwen3_5_moe", "depth": 1, "hidden_size": 32, "num_heads": 2}}
    m = "model.language_model."
    kd, vd = KD * NK, VD * NV

    def moe(q):
        return [(q + "mlp.gate.weight", [X, E], "w"), (q + "mlp.experts.gate_up_proj", [X, 64, E], "w"), (q + "mlp.experts.down_proj", [X, E, 32], "w"), (q + "mlp.shared_expert_gate.weight", [1, E], "w")] + mlp(q + "mlp.shared_expert.", ff=48)
    t = [(m + "embed_tokens.weight", [n, E], "w")]
    for i in range(4):
        q = m + "layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "gnorm"), (q + "post_attention_layernorm.weight", [E], "gnorm")] + moe(q)
        if i == 3:
            t += qfull(q)
        else:
            a = q + "linear_attn."
            t += [(a + "A_log", [NV], "pos", "F32"), (a + "dt_bias", [NV], "w"), (a + "conv1d.weight", [2 * kd + vd, 1, 4], "w"), (a + "in_proj_qkv.weight", [2 * kd + vd, E], "w"), (a + "in_proj_z.weight", [vd, E], "w"),
                  (a + "in_proj_a.weight", [NV, E], "w"), (a + "in_proj_b.weight", [NV, E], "w"), (a + "norm.weight", [VD], "norm", "F32"), (a + "out_proj.weight", [E, vd], "w")]
    t += [(m + "norm.weight", [E], "gnorm"), ("lm_head.weight", [n, E], "w")]
    q = "mtp.layers.0."
    t += [("mtp.fc.weight", [E, 2 * E], "w"), ("mtp.norm.weight", [E], "gnorm"), ("mtp.pre_fc_norm_embedding.weight", [E], "gnorm"), ("mtp.pre_fc_norm_hidden.weight", [E], "gnorm"),
          (q + "input_layernorm.weight", [E], "gnorm"), (q + "post_attention_layernorm.weight", [E], "gnorm"), (q + "mlp.gate.weight", [X, E], "w"), (q + "mlp.shared_expert_gate.weight", [1, E], "w")]
    t += qfull(q) + mlp(q + "mlp.shared_expert.", ff=48) + [y for x in range(X) for y in mlp(q + "mlp.experts.%d." % x, ff=32)]
    t += [("model.visual.blocks.0.attn.proj.weight", [32, 32], "w")]
    return Case("qwen35moe", "Qwen3.5-35B-A3B", c, t, f, "qwen35", shards=3, note="experts already stacked (gate_up split) in the layers, one by one in the MTP layer")


def qwen25vl():
    f, ids, n = qwen_tok()
    c = base_cfg("Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl", n, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], rope_theta=1000000.0, rope_scaling={"mrope_section": [16, 24, 24], "type": "mrope"}, max_position_embeddings=128000,
                 rms_norm_eps=1e-06, image_token_id=3, vision_start_token_id=4, use_sliding_window=False, sliding_window=32768, tie_word_embeddings=True, vision_config={"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": E})
    t = dense(n, tied=True, bias="qkv") + [("visual.blocks.0.attn.proj.weight", [32, 32], "w"), ("visual.merger.mlp.0.weight", [32, 32], "w"), ("visual.patch_embed.proj.weight", [32, 3, 2, 4, 4], "w")]
    return Case("qwen25vl", "Qwen2.5-VL-3B-Instruct", c, t, f, "qwen2", note="text part of a vision model: mrope sections, flat config with vision_config")


def qwen3vlmoe():
    f, ids, n = qwen_tok()
    X, FX = 4, 32
    tc = {"attention_bias": False, "bos_token_id": ids["<|endoftext|>"], "decoder_sparse_step": 1, "eos_token_id": ids["<|im_end|>"], "head_dim": 32, "hidden_act": "silu", "hidden_size": E, "intermediate_size": FF, "max_position_embeddings": 262144,
          "mlp_only_layers": [], "model_type": "qwen3_vl_moe_text", "moe_intermediate_size": FX, "norm_topk_prob": True, "num_attention_heads": H, "num_experts": X, "num_experts_per_tok": 2, "num_hidden_layers": L, "num_key_value_heads": KV,
          "rms_norm_eps": 1e-06, "rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"}, "rope_theta": 5000000, "vocab_size": n}
    c = {"architectures": ["Qwen3VLMoeForConditionalGeneration"], "model_type": "qwen3_vl_moe", "image_token_id": 3, "text_config": tc, "tie_word_embeddings": False,
         "vision_config": {"deepstack_visual_indexes": [0], "depth": 1, "hidden_size": 32, "intermediate_size": 48, "model_type": "qwen3_vl_moe", "num_heads": 2, "out_hidden_size": E}}
    m = "model.language_model."
    t = [(m + "embed_tokens.weight", [n, E], "w")]
    for i in range(L):
        q = m + "layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "post_attention_layernorm.weight", [E], "norm")] + attn(q + "self_attn.", hd=32, qk_norm=32)
        t += [(q + "mlp.gate.weight", [X, E], "w"), (q + "mlp.experts.gate_up_proj", [X, E, 2 * FX], "w"), (q + "mlp.experts.down_proj", [X, FX, E], "w")]
    t += [(m + "norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w"), ("model.visual.blocks.0.attn.proj.weight", [32, 32], "w")]
    return Case("qwen3vlmoe", "Qwen3-VL-30B-A3B-Instruct", c, t, f, "qwen2", shards=2, note="stacked experts stored [X, in, out]: split and transpose")


def qwen3_embed():
    f, ids, n = qwen_tok()
    tj = f["tokenizer.json"]
    e = ids["<|endoftext|>"]
    tj["post_processor"] = {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}, template_post(None, "<|endoftext|>", {"<|endoftext|>": e})]}
    f["modules.json"] = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    f["1_Pooling/config.json"] = {"word_embedding_dimension": E, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": False, "pooling_mode_lasttoken": True, "include_prompt": True}
    c = base_cfg("Qwen3ForCausalLM", "qwen3", n, head_dim=32, attention_bias=False, bos_token_id=e, eos_token_id=e, rope_theta=1000000, rms_norm_eps=1e-06, max_position_embeddings=32768, rope_scaling=None, sliding_window=None,
                 use_sliding_window=False, max_window_layers=L, tie_word_embeddings=True)
    t = dense(n, tied=True, hd=32, qk_norm=32, pre="")
    t = [("model." + x[0],) + x[1:] for x in t]
    return Case("qwen3_embed", "Qwen3-Embedding-0.6B", c, t, f, "qwen2", note="pooling type last; template which adds an end token that is not tokenizer_config's eos: eos replaced, old eos becomes eot")


TEXT = ("f16", "bf16", "f32")


def of_types(case, types):
    case.outtypes = types
    return case


# ------------------------------------------------------------------- rerankers

def rerank_tok(**kw):
    """With the words that a reranker answers."""
    f, ids, n = qwen_tok(**kw)
    tj, words = f["tokenizer.json"], ("ye", "yes", "no")
    for word in words:
        tj["model"]["vocab"][word] = len(tj["model"]["vocab"])
    tj["model"]["merges"] += ["y e", "ye s", "n o"]
    for token in tj["added_tokens"]:
        token["id"] += len(words)
    tc = f["tokenizer_config.json"]
    tc["added_tokens_decoder"] = {str(int(k) + len(words)): v for k, v in tc["added_tokens_decoder"].items()}
    return f, {k: v + len(words) for k, v in ids.items()}, n + len(words)


def rerank_cfg(ids, n, **kw):
    return base_cfg("Qwen3ForCausalLM", "qwen3", n, head_dim=32, attention_bias=False, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], rope_theta=1000000, rms_norm_eps=1e-06, max_position_embeddings=40960,
                    rope_scaling=None, sliding_window=None, use_sliding_window=False, max_window_layers=L, **kw)


def qwen3_rerank():
    f, ids, n = rerank_tok()
    return of_types(Case("qwen3_rerank", "Qwen3-Reranker-0.6B", rerank_cfg(ids, n, tie_word_embeddings=True), dense(n, tied=True, hd=32, qk_norm=32), f, "qwen2", note="reranker by its directory's name: answers from the embeddings, which are written behind them"), TEXT + ("q8_0",))


def qwen3_rerank_card():
    f, ids, n = rerank_tok(chat_template=[{"name": "default", "template": CHATML}, {"name": "tool", "template": "{{ tools }}"}])
    f["README.md"] = "---\nlicense: apache-2.0\n---\n\n# QWEN3-Reranker-4B\n\nJudges.\n"
    f["modules.json"] = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    f["1_Pooling/config.json"] = {"word_embedding_dimension": E, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": False, "pooling_mode_lasttoken": True}
    return of_types(Case("qwen3_rerank_card", "Judge-4B", rerank_cfg(ids, n, tie_word_embeddings=False), dense(n, tied=False, hd=32, qk_norm=32), f, "qwen2", dtype="F16", note="reranker by its card: answers instead of the head; templates of two names, pooling type set twice"), TEXT + ("q8_0",))


def qwen3_rerank_path():
    f, ids, n = rerank_tok()
    return of_types(Case("qwen3_rerank_path", "Judge-0.6B", rerank_cfg(ids, n, tie_word_embeddings=True, _name_or_path="Qwen/Qwen3-Reranker-0.6B"), dense(n, tied=True, hd=32, qk_norm=32), f, "qwen2", note="no reranker by its first name, which its class drops"), TEXT + ("q8_0",))


def qwen3vl_rerank():
    f, ids, n = rerank_tok()
    tc = {"head_dim": 32, "hidden_size": E, "intermediate_size": FF, "model_type": "qwen3_vl_text", "num_attention_heads": H, "num_hidden_layers": L, "num_key_value_heads": KV, "rms_norm_eps": 1e-06, "rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"}, "rope_theta": 5000000, "tie_word_embeddings": True, "vocab_size": n}
    c = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl", "image_token_id": 3, "text_config": tc, "tie_word_embeddings": True,
         "vision_config": {"deepstack_visual_indexes": [0], "depth": 1, "hidden_size": 32, "intermediate_size": 48, "model_type": "qwen3_vl", "num_heads": 2, "out_hidden_size": E}}
    t = [("model.language_model." + x[0][6:],) + x[1:] if x[0].startswith("model.") else x for x in dense(n, tied=True, hd=32, qk_norm=32)]
    return of_types(Case("qwen3vl_rerank", "Qwen3-VL-Reranker-2B", c, t + [("model.visual.blocks.0.attn.proj.weight", [32, 32], "w")], f, "qwen2", note="the same of a model that sees"), TEXT + ("q8_0",))


# ------------------------------------------------------------------- Llama 4

def llama4():
    sp = [("<|begin_of_text|>", True, False), ("<|end_of_text|>", True, False), ("<|fim_prefix|>", True, False), ("<|header_start|>", True, False), ("<|header_end|>", True, False), ("<|eom|>", True, False), ("<|eot|>", True, False), ("<|finetune_right_pad|>", True, False)]
    f, ids, n = bpe_files("gpt-4o", sp, lambda i: {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, template_post("<|begin_of_text|>", None, i)]}, ignore_merges=True,
                          cfg={"bos_token": "<|begin_of_text|>", "eos_token": "<|eot|>", "pad_token": "<|finetune_right_pad|>", "add_prefix_space": False, "chat_template": "{{ bos_token }}{{ messages }}"})
    X = 4
    tc = {"attention_bias": False, "attn_scale": 0.1, "attn_temperature_tuning": True, "bos_token_id": ids["<|begin_of_text|>"], "eos_token_id": [ids["<|end_of_text|>"], ids["<|eot|>"]], "floor_scale": 8192, "for_llm_compressor": False, "head_dim": HD, "hidden_act": "silu", "hidden_size": E,
          "interleave_moe_layer_step": 2, "intermediate_size": 48, "intermediate_size_mlp": 80, "max_position_embeddings": 10485760, "model_type": "llama4_text", "no_rope_layers": [1, 1, 1, 0], "num_attention_heads": H, "num_experts_per_tok": 1, "num_hidden_layers": 4,
          "num_key_value_heads": KV, "num_local_experts": X, "output_router_logits": False, "pad_token_id": ids["<|finetune_right_pad|>"], "rms_norm_eps": 1e-05, "rope_scaling": {"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"},
          "rope_theta": 500000.0, "router_aux_loss_coef": 0.001, "use_qk_norm": True, "vocab_size": n, "attention_chunk_size": 8192}
    c = {"architectures": ["Llama4ForConditionalGeneration"], "boi_token_index": 1, "eoi_token_index": 2, "image_token_index": 3, "model_type": "llama4", "text_config": tc, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
         "vision_config": {"model_type": "llama4_vision_model", "hidden_size": 32, "num_hidden_layers": 1}}
    m = "language_model.model."
    t = [(m + "embed_tokens.weight", [n, E], "w")]
    for i in range(4):
        q = m + "layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "post_attention_layernorm.weight", [E], "norm")] + attn(q + "self_attn.")
        if i % 2 == 0:
            t += mlp(q + "feed_forward.", ff=80)
        else:
            t += [(q + "feed_forward.experts.gate_up_proj", [X, E, 96], "w"), (q + "feed_forward.experts.down_proj", [X, 48, E], "w"), (q + "feed_forward.router.weight", [X, E], "w")] + mlp(q + "feed_forward.shared_expert.", ff=48)
    t += [(m + "norm.weight", [E], "norm"), ("language_model.lm_head.weight", [n, E], "w"), ("multi_modal_projector.linear_1.weight", [E, 32], "w"), ("vision_model.class_embedding", [32], "w")]
    return Case("llama4", "Llama-4-Scout-17B-16E-Instruct", c, t, f, "llama-bpe", shards=2, note="no permute, experts stored [X, in, out], rope_freqs, intermediate_size_mlp, BPE with pre llama4")


# ---------------------------------------------------------------------- LFM2

def lfm2_tok():
    sp = [("<|pad|>", True, False), ("<|startoftext|>", True, False), ("<|endoftext|>", True, False), ("<|im_start|>", True, False), ("<|im_end|>", True, False), ("<|tool_list_start|>", True, False)]
    return bpe_files("llama-bpe", sp, lambda i: {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, template_post("<|startoftext|>", None, i)]}, special_first=True, ignore_merges=True,
                     cfg={"add_bos_token": True, "add_eos_token": False, "bos_token": "<|startoftext|>", "eos_token": "<|im_end|>", "pad_token": "<|pad|>", "legacy": False, "use_default_system_prompt": False, "chat_template": "{{ bos_token }}{{ messages }}"})


def lfm2_layer(q, conv):
    t = [(q + "operator_norm.weight", [E], "norm"), (q + "ffn_norm.weight", [E], "norm")]
    if conv:
        return t + [(q + "conv.conv.weight", [E, 1, 3], "w"), (q + "conv.in_proj.weight", [3 * E, E], "w"), (q + "conv.out_proj.weight", [E, E], "w")]
    a = q + "self_attn."
    return t + [(a + "q_proj.weight", [H * HD, E], "w"), (a + "k_proj.weight", [KV * HD, E], "w"), (a + "v_proj.weight", [KV * HD, E], "w"), (a + "out_proj.weight", [E, H * HD], "w"), (a + "q_layernorm.weight", [HD], "norm"), (a + "k_layernorm.weight", [HD], "norm")]


def w123(p, ff):
    return [(p + "w1.weight", [ff, E], "w"), (p + "w2.weight", [E, ff], "w"), (p + "w3.weight", [ff, E], "w")]


def lfm2():
    f, ids, n = lfm2_tok()
    v = n + 3
    lt = ["conv", "conv", "full_attention", "conv"]
    c = base_cfg("Lfm2ForCausalLM", "lfm2", v, num_hidden_layers=4, intermediate_size=DROP, rms_norm_eps=DROP, hidden_act=DROP, tie_word_embeddings=DROP, block_auto_adjust_ff_dim=True, block_dim=E, block_ff_dim=96, block_ffn_dim_multiplier=1.0, block_mlp_init_scale=1.0,
                 block_multiple_of=16, block_norm_eps=1e-05, block_out_init_scale=1.0, block_use_swiglu=True, conv_L_cache=3, conv_bias=False, conv_dim=E, conv_dim_out=E, conv_use_xavier_init=True, layer_types=lt, norm_eps=1e-05, num_heads=H, rope_theta=1000000.0,
                 max_position_embeddings=128000, bos_token_id=1, eos_token_id=ids["<|im_end|>"], pad_token_id=0, theta=1000000.0, use_pos_enc=True)
    t = [("model.embed_tokens.weight", [v, E], "w"), ("model.embedding_norm.weight", [E], "norm")]
    for i, x in enumerate(lt):
        q = "model.layers.%d." % i
        t += lfm2_layer(q, x == "conv") + w123(q + "feed_forward.", 64)
    return Case("lfm2", "LFM2-350M", c, t, f, "llama-bpe", note="short convolutions, per-layer head_count_kv, adjusted feed forward length")


def lfm2moe():
    f, ids, n = lfm2_tok()
    X, FX = 4, 32
    lt = ["conv", "conv", "full_attention", "conv"]
    c = base_cfg("Lfm2MoeForCausalLM", "lfm2_moe", n, num_hidden_layers=4, rms_norm_eps=DROP, hidden_act=DROP, tie_word_embeddings=DROP, conv_L_cache=3, conv_bias=False, layer_types=lt, norm_eps=1e-05, rope_theta=1000000.0, max_position_embeddings=128000, bos_token_id=1,
                 eos_token_id=ids["<|im_end|>"], pad_token_id=0, moe_intermediate_size=FX, norm_topk_prob=True, num_dense_layers=2, num_experts=X, num_experts_per_tok=2, routed_scaling_factor=1.0, use_expert_bias=True)
    t = [("model.embed_tokens.weight", [n, E], "w"), ("model.embedding_norm.weight", [E], "norm")]
    for i, x in enumerate(lt):
        q = "model.layers.%d." % i
        t += lfm2_layer(q, x == "conv")
        if i < 2:
            t += w123(q + "feed_forward.", FF)
        else:
            t += [(q + "feed_forward.gate.weight", [X, E], "w"), (q + "feed_forward.expert_bias", [X], "w", "F32")] + [y for k in range(X) for y in w123(q + "feed_forward.experts.%d." % k, FX)]
    return Case("lfm2moe", "LFM2-8B-A1B", c, t, f, "llama-bpe", shards=2, note="experts w1 w2 w3, expert bias, sigmoid gating")


# ------------------------------------------------------------------- Granite

def granite_tok():
    sp = [("<|end_of_text|>", True, False), ("<fim_prefix>", True, False), ("<|start_of_role|>", True, False), ("<|pad|>", True, False)]
    return bpe_files("refact", sp, None, pair_merges=False, special_first=True, tok_class="GPT2Tokenizer", cfg={"add_bos_token": False, "add_prefix_space": False, "bos_token": "<|end_of_text|>", "eos_token": "<|end_of_text|>", "pad_token": "<|pad|>", "unk_token": "<|end_of_text|>"})


GMUL = dict(attention_multiplier=0.015625, embedding_multiplier=12.0, residual_multiplier=0.22, logits_scaling=6.0)


def gmoe(q, X, ff, shared=0):
    t = [(q + "block_sparse_moe.input_linear.weight", [X, 2 * ff, E], "w"), (q + "block_sparse_moe.output_linear.weight", [X, E, ff], "w"), (q + "block_sparse_moe.router.layer.weight", [X, E], "w")] if X else []
    if shared:
        t += [(q + "shared_mlp.input_linear.weight", [2 * shared, E], "w"), (q + "shared_mlp.output_linear.weight", [E, shared], "w")]
    return t


def mamba2(m, di, g, ns, nh):
    cd = di + 2 * g * ns
    return [(m + "A_log", [nh], "pos"), (m + "D", [nh], "w"), (m + "dt_bias", [nh], "w"), (m + "conv1d.weight", [cd, 1, 4], "w"), (m + "conv1d.bias", [cd], "w"), (m + "in_proj.weight", [di + cd + nh, E], "w"), (m + "norm.weight", [di], "norm"), (m + "out_proj.weight", [E, di], "w")]


def granitehybrid():
    f, ids, n = granite_tok()
    v = n + 3                              # not a multiple of 8
    lt = ["mamba", "mamba", "attention", "mamba"]
    c = base_cfg("GraniteMoeHybridForCausalLM", "granitemoehybrid", v, num_hidden_layers=4, num_local_experts=4, num_experts_per_tok=2, intermediate_size=32, shared_intermediate_size=48, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0, pad_token_id=3, rope_theta=10000, layer_types=lt,
                 mamba_chunk_size=256, mamba_conv_bias=True, mamba_d_conv=4, mamba_d_head=16, mamba_d_state=16, mamba_expand=2, mamba_n_groups=1, mamba_n_heads=8, mamba_proj_bias=False, max_position_embeddings=131072, normalization_function="rmsnorm", position_embedding_type="nope", **GMUL)
    t = [("model.embed_tokens.weight", [v, E], "w"), ("model.norm.weight", [E], "norm")]
    for i, x in enumerate(lt):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "post_attention_layernorm.weight", [E], "norm")] + gmoe(q, 4, 32, 48)
        t += mamba2(q + "mamba.", 128, 1, 16, 8) if x == "mamba" else attn(q + "self_attn.")
    return Case("granitehybrid", "granite-4.0-h-tiny", c, t, f, "refact", shards=2, note="mamba2 and attention layers, experts and shared expert, vocabulary padded to 8")


def granite4_dense():
    f, ids, n = granite_tok()
    v = n + 3
    c = base_cfg("GraniteMoeHybridForCausalLM", "granitemoehybrid", v, num_local_experts=0, num_experts_per_tok=0, shared_intermediate_size=FF, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0, pad_token_id=3, rope_theta=10000000, layer_types=["attention"] * L,
                 mamba_chunk_size=256, mamba_conv_bias=True, mamba_d_conv=4, mamba_d_head=16, mamba_d_state=16, mamba_expand=2, mamba_n_groups=1, mamba_n_heads=8, mamba_proj_bias=False, max_position_embeddings=131072, position_embedding_type="rope", **GMUL)
    t = [("model.embed_tokens.weight", [v, E], "w"), ("model.norm.weight", [E], "norm")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "post_attention_layernorm.weight", [E], "norm")] + gmoe(q, 0, 0, FF) + attn(q + "self_attn.")
    return Case("granite4_dense", "granite-4.0-micro", c, t, f, "refact", note="hybrid class without mamba layers becomes granite")


# ------------------------------------------------------------------ Nemotron

def nemo_tok():
    sp = [("<unk>", True, False), ("<s>", True, False), ("</s>", True, False), ("<SPECIAL_10>", True, False), ("<SPECIAL_11>", True, False), ("<SPECIAL_12>", True, False)]
    return bpe_files("tekken", sp, lambda i: template_post("<s>", None, i), pair_merges=False, special_first=True, cfg={"bos_token": "<s>", "eos_token": "<SPECIAL_12>", "unk_token": "<unk>", "chat_template": "{{ messages }}"})


def nemotronh():
    f, ids, n = nemo_tok()
    v = n + 3
    pat = "M-M-*-"
    c = base_cfg("NemotronHForCausalLM", "nemotron_h", v, num_hidden_layers=len(pat), hybrid_override_pattern=pat, attention_head_dim=HD, head_dim=HD, mamba_num_heads=8, mamba_head_dim=16, ssm_state_size=16, n_groups=2, conv_kernel=4, expand=2, chunk_size=128,
                 mamba_hidden_act="silu", mlp_hidden_act="relu2", layer_norm_epsilon=1e-05, rms_norm_eps=1e-05, time_step_limit=[0.0, 1e30], use_conv_bias=True, use_bias=False, mamba_proj_bias=False, hidden_act=DROP, rope_theta=DROP, bos_token_id=1, eos_token_id=5, pad_token_id=0, max_position_embeddings=131072)
    t = [("backbone.embeddings.weight", [v, E], "w"), ("backbone.norm_f.weight", [E], "norm"), ("lm_head.weight", [v, E], "w")]
    for i, x in enumerate(pat):
        q = "backbone.layers.%d." % i
        t.append((q + "norm.weight", [E], "norm"))
        if x == "M":
            t += mamba2(q + "mixer.", 128, 2, 16, 8)
        elif x == "*":
            t += attn(q + "mixer.")
        else:
            t += [(q + "mixer.up_proj.weight", [FF, E], "w"), (q + "mixer.down_proj.weight", [E, FF], "w")]
    return Case("nemotronh", "NVIDIA-Nemotron-Nano-9B-v2", c, t, f, "tekken", note="mamba2, attention and MLP layers one by one; no rope")


def nemotronh_moe():
    f, ids, n = nemo_tok()
    v = n + 3
    X, FX = 4, 32
    pat = "MEM*E"
    c = base_cfg("NemotronHForCausalLM", "nemotron_h", v, num_hidden_layers=len(pat), hybrid_override_pattern=pat, head_dim=HD, mamba_num_heads=8, mamba_head_dim=16, ssm_state_size=16, n_groups=2, conv_kernel=4, expand=2, chunk_size=128, intermediate_size=FX,
                 mamba_hidden_act="silu", mlp_hidden_act="relu2", layer_norm_epsilon=1e-05, norm_eps=1e-05, rms_norm_eps=DROP, time_step_limit=[0.0, 1e30], use_conv_bias=True, use_bias=False, mamba_proj_bias=False, hidden_act=DROP, rope_theta=10000, bos_token_id=1, eos_token_id=5, pad_token_id=0,
                 max_position_embeddings=262144, moe_intermediate_size=FX, moe_shared_expert_intermediate_size=48, n_group=1, n_routed_experts=X, n_shared_experts=1, norm_topk_prob=True, num_experts_per_tok=2, routed_scaling_factor=2.5, topk_group=1)
    t = [("backbone.embeddings.weight", [v, E], "w"), ("backbone.norm_f.weight", [E], "norm"), ("lm_head.weight", [v, E], "w")]
    for i, x in enumerate(pat):
        q = "backbone.layers.%d." % i
        t.append((q + "norm.weight", [E], "norm"))
        if x == "M":
            t += mamba2(q + "mixer.", 128, 2, 16, 8)
        elif x == "*":
            t += attn(q + "mixer.")
        else:
            t += [(q + "mixer.gate.weight", [X, E], "w"), (q + "mixer.gate.e_score_correction_bias", [X], "w", "F32"), (q + "mixer.shared_experts.up_proj.weight", [48, E], "w"), (q + "mixer.shared_experts.down_proj.weight", [E, 48], "w")]
            for k in range(X):
                t += [(q + "mixer.experts.%d.up_proj.weight" % k, [FX, E], "w"), (q + "mixer.experts.%d.down_proj.weight" % k, [E, FX], "w")]
    return Case("nemotronh_moe", "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", c, t, f, "tekken", shards=2, note="experts without gate, per-layer arrays")


# ------------------------------------------------- Exaone, Ernie, Hunyuan, MiniMax

def exaone4():
    sp = [("[PAD]", True, False), ("[BOS]", True, False), ("[EOS]", True, False), ("[UNK]", True, False), ("[|endofturn|]", True, False), ("[|user|]", True, False)]
    f, ids, n = bpe_files("llama-bpe", sp, None, pair_merges=False, special_first=True, tok_class="GPT2Tokenizer", normalizer={"type": "NFC"}, cfg={"bos_token": "[BOS]", "eos_token": "[|endofturn|]", "pad_token": "[PAD]", "unk_token": "[UNK]", "add_prefix_space": False, "chat_template": "{{ messages }}"})
    lt = ["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"]
    c = base_cfg("Exaone4ForCausalLM", "exaone4", n, num_hidden_layers=4, head_dim=HD, sliding_window=4096, sliding_window_pattern="LLLG", layer_types=lt, bos_token_id=1, eos_token_id=4, pad_token_id=0, rope_theta=1000000, max_position_embeddings=131072,
                 rope_scaling={"factor": 16.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"})
    t = dense(n, layers=4, qk_norm=HD, norms=("post_attention_layernorm", "post_feedforward_layernorm"))
    return Case("exaone4", "EXAONE-4.0-32B", c, t, f, "llama-bpe", note="post norms, sliding window pattern, rope_freqs with llama3 scaling")


def ernie_tok():
    p = spm_pieces(user=("<|im_start|>", "<|im_end|>"))
    return {"tokenizer.model": spm_model(p), "tokenizer_config.json": {"add_bos_token": True, "add_eos_token": False, "add_prefix_space": False, "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>", "unk_token": "<unk>", "tokenizer_class": "Ernie4_5_Tokenizer", "chat_template": "{{ messages }}"}}, len(p) + 2


def ernie45moe():
    f, v = ernie_tok()
    X, FX = 4, 32
    c = base_cfg("Ernie4_5_MoeForCausalLM", "ernie4_5_moe", v, num_hidden_layers=3, use_bias=False, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=0, rope_theta=500000.0, max_position_embeddings=131072, moe_num_experts=X, moe_k=2, moe_layer_interval=1,
                 moe_layer_start_index=1, moe_layer_end_index=2, moe_intermediate_size=FX, moe_num_shared_experts=2, moe_capacity=[64, 64, 64], moe_gate="topk", moe_use_aux_free=True, num_nextn_predict_layers=1)
    t = [("model.embed_tokens.weight", [v, E], "w"), ("model.norm.weight", [E], "norm")]
    for i in range(3):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "post_attention_layernorm.weight", [E], "norm")] + attn(q + "self_attn.")
        t += mlp(q + "mlp.") if i == 0 else moe_layer(q, X, FX) + mlp(q + "mlp.shared_experts.", ff=2 * FX) + [(q + "mlp.moe_statics.e_score_correction_bias", [1, X], "w", "F32")]
    t += [("model.mtp_block.0.input_layernorm.weight", [E], "norm"), ("model.mtp_emb_norm.0.weight", [E], "norm"), ("model.mtp_hidden_norm.0.weight", [E], "norm"), ("model.mtp_linear_proj.0.weight", [E, 2 * E], "w")]
    return Case("ernie45moe", "ERNIE-4.5-21B-A3B-PT", c, t, f, None, shards=2, note="experts stacked gate, up, down; MTP tensors dropped; shared expert length intermediate_size // kv heads")


def hunyuan():
    sp = [("<|startoftext|>", True, False), ("<|eos|>", True, False), ("<|extra_4|>", True, False), ("<|bos|>", True, False), ("<|extra_0|>", True, False), ("<|pad|>", True, False)]
    f, ids, n = bpe_files("llama-bpe", sp, None, pair_merges=False, cfg={"bos_token": "<|startoftext|>", "eos_token": "<|eos|>", "pad_token": "<|pad|>", "add_bos_token": False, "add_eos_token": False, "chat_template": "{{ messages }}"})
    f["generation_config.json"] = {"do_sample": True, "eos_token_id": [ids["<|extra_4|>"], ids["<|eos|>"]], "pad_token_id": ids["<|pad|>"], "repetition_penalty": 1.05, "temperature": 0.7, "top_k": 20, "top_p": 0.8}
    c = base_cfg("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense", n, head_dim=32, attention_bias=False, attention_head_dim=32, bos_token_id=ids["<|startoftext|>"], eos_token_id=ids["<|eos|>"], eod_token_id=ids["<|extra_0|>"], pad_token_id=ids["<|pad|>"], tie_word_embeddings=True, max_position_embeddings=262144,
                 use_qk_norm=True, rope_theta=10000.0, rope_scaling={"alpha": 1000.0, "beta_fast": 32, "beta_slow": 1, "factor": 1.0, "mscale": 1.0, "mscale_all_dim": 0.0, "type": "dynamic"})
    t = dense(n, tied=True, hd=32)
    for i in range(L):
        q = "model.layers.%d.self_attn." % i
        t += [(q + "query_layernorm.weight", [32], "norm"), (q + "key_layernorm.weight", [32], "norm")]
    t.append(("lm_head.weight", [n, E], "w"))
    return Case("hunyuan", "Hunyuan-4B-Instruct", c, t, f, "llama-bpe", note="NTK alpha rope base, eos from eod_token_id, eot from generation_config, tied lm_head dropped")


def minimaxm2():
    sp = [("]!p~[", True, False), ("]~!b[", True, False), ("[e~[", True, False), ("]!d~[", True, False), ("<think>", False, False)]
    f, ids, n = bpe_files("gpt-4o", sp, None, pair_merges=False, tok_class="GPT2Tokenizer", cfg={"bos_token": "]~!b[", "eos_token": "[e~[", "unk_token": "]!d~[", "add_prefix_space": False})
    f["chat_template.jinja"] = "{{ messages }}"
    X, FX = 4, 32
    c = base_cfg("MiniMaxM2ForCausalLM", "minimax_m2", n, head_dim=32, intermediate_size=FX, num_local_experts=X, num_experts_per_tok=2, rotary_dim=16, rope_theta=5000000, scoring_func="sigmoid", use_qk_norm=True, qk_norm_type="per_layer", use_routing_bias=True, num_mtp_modules=3, mtp_transformer_layers=1,
                 attn_type_list=[1, 1], max_position_embeddings=196608, router_aux_loss_coef=0.001, shared_intermediate_size=0, rms_norm_eps=1e-06,
                 quantization_config={"activation_scheme": "dynamic", "fmt": "float8_e4m3fn", "quant_method": "fp8", "weight_block_size": [32, 32], "modules_to_not_convert": ["gate", "e_score_correction_bias", "lm_head"]})
    t = [("model.embed_tokens.weight", [n, E], "w")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "post_attention_layernorm.weight", [E], "norm")] + attn(q + "self_attn.", hd=32) + [(q + "self_attn.q_norm.weight", [H * 32], "norm"), (q + "self_attn.k_norm.weight", [KV * 32], "norm")]
        t += [(q + "block_sparse_moe.gate.weight", [X, E], "w", "F32"), (q + "block_sparse_moe.e_score_correction_bias", [X], "w", "F32")]
        for x in range(X):
            t += w123(q + "block_sparse_moe.experts.%d." % x, FX)
    t += [("model.norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    out = []
    for x in t:
        if ("_proj.weight" in x[0] and "self_attn" in x[0]) or ".experts." in x[0]:
            o, k = x[1]
            out += [(x[0], x[1], "f8", "F8_E4M3"), (x[0] + "_scale_inv", [(o + 31) // 32, (k + 31) // 32], "pos", "F32")]
        else:
            out.append(x)
    return Case("minimaxm2", "MiniMax-M2", c, out, f, "gpt-4o", shards=2, note="FP8 blocks, experts w1 w2 w3, full width q and k norms, sigmoid gating with bias, rotary_dim")


# ------------------------------------------------------- Phi-2, Falcon, InternLM2

def phi2():
    f, ids, n = bpe_files("gpt-2", [("<|endoftext|>", True, False), ("                               ", False, True), ("\t\t", False, True)], None, pair_merges=False, tok_class="CodeGenTokenizer", cfg={"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "add_prefix_space": False})
    v = n + 5
    c = base_cfg("PhiForCausalLM", "phi", v, num_key_value_heads=H, layer_norm_eps=1e-05, partial_rotary_factor=0.4, rms_norm_eps=DROP, qk_layernorm=False, max_position_embeddings=2048, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|endoftext|>"], intermediate_size=4 * E, hidden_act="gelu_new")
    t = [("model.embed_tokens.weight", [v, E], "w")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += ln(q + "input_layernorm") + attn(q + "self_attn.", kv=H, bias="qkv")[:3] + attn(q + "self_attn.", kv=H, bias="qkv")[4:] + linear_bias(q + "self_attn.dense", E, E) + linear_bias(q + "mlp.fc1", 4 * E, E) + linear_bias(q + "mlp.fc2", E, 4 * E)
    t += ln("model.final_layernorm") + linear_bias("lm_head", v, E)
    return Case("phi2", "phi-2", c, t, f, "gpt-2", "F16", note="layer norms, biases, partial rotary, add_bos_token before the tokenizer")


def falcon():
    sp = [(">>TITLE<<", True, False), ("<|endoftext|>", True, False)]
    f, ids, n = bpe_files("gpt-2", sp, None, pair_merges=False, special_first=True, tok_class="PreTrainedTokenizerFast", cfg={"eos_token": "<|endoftext|>", "add_prefix_space": False})
    c = {"architectures": ["FalconForCausalLM"], "model_type": "falcon", "alibi": False, "apply_residual_connection_post_layernorm": False, "bias": False, "bos_token_id": 1, "eos_token_id": 1, "hidden_size": E, "layer_norm_epsilon": 1e-05, "multi_query": True,
         "new_decoder_architecture": True, "num_attention_heads": H, "num_hidden_layers": L, "num_kv_heads": KV, "parallel_attn": True, "vocab_size": n, "torch_dtype": "bfloat16"}
    t = [("transformer.word_embeddings.weight", [n, E], "w")]
    for i in range(L):
        q = "transformer.h.%d." % i
        t += ln(q + "ln_attn") + ln(q + "ln_mlp") + [(q + "self_attention.query_key_value.weight", [(H + 2 * KV) * HD, E], "w"), (q + "self_attention.dense.weight", [E, E], "w"), (q + "mlp.dense_h_to_4h.weight", [4 * E, E], "w"), (q + "mlp.dense_4h_to_h.weight", [E, 4 * E], "w")]
    t += ln("transformer.ln_f") + [("lm_head.weight", [n, E], "w")]
    return Case("falcon", "falcon-40b-instruct", c, t, f, "gpt-2", note="grouped query_key_value rows regrouped to q, k, v")


def falconh1():
    sp = [("<|pad|>", True, False), ("<|begin_of_text|>", True, False), ("<|end_of_text|>", True, False), ("<|im_start|>", True, False), ("<|im_end|>", True, False)]
    f, ids, n = bpe_files("llama-bpe", sp, lambda i: template_post("<|begin_of_text|>", None, i), pair_merges=True, special_first=True, cfg={"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>", "pad_token": "<|pad|>", "chat_template": "{{ messages }}"})
    c = base_cfg("FalconH1ForCausalLM", "falcon_h1", n, head_dim=HD, mamba_d_ssm=128, mamba_n_heads=8, mamba_d_head=16, mamba_n_groups=2, mamba_d_state=16, mamba_d_conv=4, mamba_expand=2, mamba_chunk_size=256, mamba_conv_bias=True, mamba_proj_bias=False, mamba_norm_before_gate=False, mamba_rms_norm=True,
                 attention_in_multiplier=1.1, attention_out_multiplier=0.9375, embedding_multiplier=5.656854249492381, key_multiplier=0.39057, lm_head_multiplier=0.0390625, mlp_multipliers=[0.8838834764831844, 0.5859375], ssm_in_multiplier=1.25, ssm_out_multiplier=0.23570226039551587,
                 ssm_multipliers=[0.3535533905932738, 0.25, 0.3535533905932738, 0.5, 0.35355], projectors_bias=False, rope_theta=100000000000.0, bos_token_id=1, eos_token_id=[2, 4], pad_token_id=0, max_position_embeddings=16384, tie_word_embeddings=False, attention_bias=False, mlp_bias=False)
    t = [("model.embed_tokens.weight", [n, E], "w")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "pre_ff_layernorm.weight", [E], "norm")] + attn(q + "self_attn.") + mlp(q + "feed_forward.") + mamba2(q + "mamba.", 128, 2, 16, 8)
    t += [("model.final_layernorm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    return Case("falconh1", "Falcon-H1-1.5B-Instruct", c, t, f, "llama-bpe", note="multipliers folded into the weights, mamba2 beside attention, grouped norm")


def internlm2():
    p = spm_pieces(extra=("[UNUSED_TOKEN_1]", "[UNUSED_TOKEN_2]"))
    n = len(p)
    f = {"tokenizer.model": spm_model(p), "tokenizer_config.json": {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>", "tokenizer_class": "InternLM2Tokenizer", "chat_template": "{{ bos_token }}{{ messages }}",
                                                                     "added_tokens_decoder": {"0": {"content": "<unk>", "special": True}, "1": {"content": "<s>", "special": True}, "2": {"content": "</s>", "special": True}, str(n - 2): {"content": "<|im_start|>", "special": True},
                                                                                              str(n - 1): {"content": "<|im_end|>", "special": True}, str(n - 3): {"content": "<|plugin|>", "special": False}}}}
    c = base_cfg("InternLM2ForCausalLM", "internlm2", n, bias=False, bos_token_id=1, eos_token_id=2, pad_token_id=2, rope_theta=1000000, rope_scaling={"type": "dynamic", "factor": 2.0}, max_position_embeddings=32768, attn_implementation="eager", auto_map={"AutoConfig": "configuration_internlm2.InternLM2Config"})
    t = [("model.tok_embeddings.weight", [n, E], "w")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += [(q + "attention_norm.weight", [E], "norm"), (q + "ffn_norm.weight", [E], "norm"), (q + "attention.wqkv.weight", [(H + 2 * KV) * HD, E], "w"), (q + "attention.wo.weight", [E, E], "w")] + w123(q + "feed_forward.", FF)
    t += [("model.norm.weight", [E], "norm"), ("output.weight", [n, E], "w")]
    return Case("internlm2", "internlm2_5-7b-chat", c, t, f, None, note="grouped wqkv split and permuted, own SentencePiece writer, eos replaced by <|im_end|>, class unknown to transformers")


# ---------------------------------------------------------------- embeddings

# a small normalization table made by sentencepiece (1039 bytes)
CHARSMAP = zlib.decompress(base64.b64decode(
    "eNod02WslUcQANCvhBICFIpTrLhLcZeHuxTX4u5SoHiCu7tL8eDu7u7uLgVaKA7nssnJzmR+bHZnNggfWD8EYT8FQYQg6DcnUSgP+g2Uh7Mvzx0u6P9jEEQUR1aIhFIQhWhEJTo/E5MYxCYWcYnDL8QjAfEJHZGQ"
    "X0lMUpKQnGSkJAWpSUVa0pCedGQkA5nJRBZ+IxtZyUF2cpGTPOQmH3kpQH4KUZAwClOUIhSnGCUpQWlKUZYylKccFalAZSpRhd+pRlVqUJ1a1KQOtalHXf6gPg1pQGMa0ZQmNKcZLWlBa1rRlja0px0d6UBnOtGV"
    "LnTjT3rQnZ78RW960Zc+9A81nD0DgmCvxg4UC4PBDGIoQxjOMEYygtGMYixjGM84JjKByUxiKlOYzjRmMoPZzGIuc5jPPBaygEX8zRIWs4ylrGA5K/nH4K22r2Ita1jPOjaygc1sYitb2M42drKD3exib+gN2M8+"
    "DnKAwxziKEc4zjFOcoLTnOIsZzjPOS5ygctc4ipXuM41bnKD29ziLne4zz0e8oDHPOIpT3jOs9DdecErXvIvr3nDf/zPW97zjo984DOf+MqX738v7NgwU9isZfANYKWIug=="))


def bert_layers(pre, e=E, ff=FF, layers=L):
    t = []
    for i in range(layers):
        q = pre + "encoder.layer.%d." % i
        for nm, o, k in (("attention.self.query", e, e), ("attention.self.key", e, e), ("attention.self.value", e, e), ("attention.output.dense", e, e), ("intermediate.dense", ff, e), ("output.dense", e, ff)):
            t += linear_bias(q + nm, o, k)
        t += ln(q + "attention.output.LayerNorm") + ln(q + "output.LayerNorm")
    return t


def bert_embed(pre, v, pos):
    return [(pre + "embeddings.word_embeddings.weight", [v, E], "w"), (pre + "embeddings.position_embeddings.weight", [pos, E], "w"), (pre + "embeddings.token_type_embeddings.weight", [1, E], "w")] + ln(pre + "embeddings.LayerNorm")


def xlmr_cfg(arch, v, **kw):
    c = {"architectures": [arch], "model_type": "xlm-roberta", "attention_probs_dropout_prob": 0.1, "bos_token_id": 0, "classifier_dropout": None, "eos_token_id": 2, "hidden_act": "gelu", "hidden_size": E, "intermediate_size": FF, "layer_norm_eps": 1e-05, "max_position_embeddings": 66,
         "num_attention_heads": H, "num_hidden_layers": L, "output_past": True, "pad_token_id": 1, "position_embedding_type": "absolute", "type_vocab_size": 1, "vocab_size": v, "torch_dtype": "float32"}
    c.update(kw)
    return c


def pooling(f, mode):
    f["modules.json"] = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    f["1_Pooling/config.json"] = {"word_embedding_dimension": E, "pooling_mode_cls_token": mode == "cls", "pooling_mode_mean_tokens": mode == "mean"}


def xlmr_json(vocab, charsmap=CHARSMAP):
    toks = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + vocab
    m = len(toks)
    toks.append(("<mask>", 0.0))
    add = [added(i, t, True, False, **({"lstrip": True} if t == "<mask>" else {})) for i, t in ((0, "<s>"), (1, "<pad>"), (2, "</s>"), (3, "<unk>"), (m, "<mask>"))]
    tj = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": add, "normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()},
          "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}]},
          "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                             "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
                                      {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                             "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}, "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}},
          "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
          "model": {"type": "Unigram", "unk_id": 3, "vocab": [list(x) for x in toks], "byte_fallback": False}}
    tc = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "mask_token": "<mask>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>", "clean_up_tokenization_spaces": True, "model_max_length": 8192, "tokenizer_class": "XLMRobertaTokenizer",
          "added_tokens_decoder": {str(a["id"]): {k: a[k] for k in ("content", "lstrip", "normalized", "rstrip", "single_word", "special")} for a in add}}
    return {"tokenizer.json": tj, "tokenizer_config.json": tc}, len(toks)


def uni_pieces():
    p = [x for x in spm_pieces() if x[2] == 1]
    return [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)] + [(s, -1.0 - 0.25 * i, 1) for i, (s, _, _) in enumerate(p)]


def xlmr():
    p = uni_pieces()
    f, n = xlmr_json([(s, sc) for s, sc, _ in p[3:]])
    f["sentencepiece.bpe.model"] = spm_model(p, model_type=1, byte_fallback=False, charsmap=CHARSMAP, remove_ws=True)
    pooling(f, "cls")
    c = xlmr_cfg("XLMRobertaModel", n)
    t = bert_embed("", n, 66) + bert_layers("") + linear_bias("pooler.dense", E, E)
    t.append(("embeddings.position_ids", [1, 66], b"".join(i.to_bytes(8, "little") for i in range(66)), "I64"))
    return Case("xlmr", "bge-m3", c, t, f, None, "F32", note="Unigram from sentencepiece.bpe.model realigned, position rows cut by pad id + 1, pooling cls")


def xlmr_rerank():
    p = uni_pieces()
    f, n = xlmr_json([(s, sc) for s, sc, _ in p[3:]])
    c = xlmr_cfg("XLMRobertaForSequenceClassification", n, id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})
    t = bert_embed("roberta.", n, 66) + bert_layers("roberta.") + linear_bias("classifier.dense", E, E) + linear_bias("classifier.out_proj", 1, E)
    return Case("xlmr_rerank", "bge-reranker-v2-m3", c, t, f, None, "F32", note="Unigram from tokenizer.json, roberta prefix, classification head and label")


def modernbert():
    sp = [("|||IP_ADDRESS|||", False, True), ("<|padding|>", True, False), ("                        ", False, True), ("<|endoftext|>", True, False), ("[UNK]", True, False), ("[CLS]", True, False), ("[SEP]", True, False), ("[PAD]", True, False), ("[MASK]", True, False), ("[unused0]", False, True)]

    def post(i):
        return {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                "special_tokens": {x: {"id": x, "ids": [i[x]], "tokens": [x]} for x in ("[CLS]", "[SEP]")}}
    f, ids, n = bpe_files("gpt-2", sp, post, pair_merges=False, normalizer={"type": "NFC"}, cfg={"cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]", "sep_token": "[SEP]", "unk_token": "[UNK]", "model_input_names": ["input_ids", "attention_mask"]})
    pooling(f, "mean")
    v = n + 6
    c = {"architectures": ["ModernBertModel"], "model_type": "modernbert", "attention_bias": False, "bos_token_id": ids["[CLS]"], "classifier_activation": "gelu", "classifier_bias": False, "classifier_dropout": 0.0, "classifier_pooling": "mean", "cls_token_id": ids["[CLS]"], "decoder_bias": True,
         "eos_token_id": ids["[SEP]"], "global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "gradient_checkpointing": False, "hidden_activation": "gelu", "hidden_size": E, "intermediate_size": FF, "layer_norm_eps": 1e-05, "local_attention": 128, "local_rope_theta": 10000.0,
         "max_position_embeddings": 8192, "mlp_bias": False, "norm_bias": False, "norm_eps": 1e-05, "num_attention_heads": H, "num_hidden_layers": 4, "pad_token_id": ids["[PAD]"], "position_embedding_type": "absolute", "sep_token_id": ids["[SEP]"], "tie_word_embeddings": True, "vocab_size": v, "torch_dtype": "float32"}
    t = [("embeddings.tok_embeddings.weight", [v, E], "w"), ("embeddings.norm.weight", [E], "norm"), ("final_norm.weight", [E], "norm")]
    for i in range(4):
        q = "layers.%d." % i
        t += ([(q + "attn_norm.weight", [E], "norm")] if i else []) + [(q + "attn.Wqkv.weight", [3 * E, E], "w"), (q + "attn.Wo.weight", [E, E], "w"), (q + "mlp_norm.weight", [E], "norm"), (q + "mlp.Wi.weight", [2 * FF, E], "w"), (q + "mlp.Wo.weight", [E, FF], "w")]
    return Case("modernbert", "gte-modernbert-base", c, t, f, "gpt-2", "F32", note="fused Wqkv and Wi, classifier keys, sliding window pattern as a number, bos/eos/sep flags first")


def t5enc():
    p = [("<pad>", 0.0, 3), ("</s>", 0.0, 3), ("<unk>", 0.0, 2)] + uni_pieces()[3:]
    v = len(p) + 28
    f = {"spiece.model": spm_model(p, model_type=1, byte_fallback=False, charsmap=CHARSMAP, remove_ws=True, bos=-1, eos=1, unk=2, pad=0),
         "tokenizer_config.json": {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "extra_ids": 100, "model_max_length": 512, "tokenizer_class": "T5Tokenizer"}}
    c = {"architectures": ["T5EncoderModel"], "model_type": "t5", "d_ff": FF, "d_kv": 16, "d_model": E, "decoder_start_token_id": 0, "dense_act_fn": "gelu_new", "dropout_rate": 0.1, "eos_token_id": 1, "feed_forward_proj": "gated-gelu", "initializer_factor": 1.0, "is_encoder_decoder": True,
         "is_gated_act": True, "layer_norm_epsilon": 1e-06, "num_decoder_layers": L, "num_heads": H, "num_layers": L, "output_past": True, "pad_token_id": 0, "relative_attention_max_distance": 128, "relative_attention_num_buckets": 32, "tie_word_embeddings": False, "vocab_size": v, "torch_dtype": "bfloat16"}
    t = [("shared.weight", [v, E], "w"), ("encoder.embed_tokens.weight", [v, E], "w"), ("encoder.final_layer_norm.weight", [E], "norm")]
    for i in range(L):
        q = "encoder.block.%d.layer." % i
        t += [(q + "0.SelfAttention.%s.weight" % x, [64, E], "w") for x in "qkv"] + [(q + "0.SelfAttention.o.weight", [E, 64], "w"), (q + "0.layer_norm.weight", [E], "norm"), (q + "1.layer_norm.weight", [E], "norm")]
        t += [(q + "1.DenseReluDense.wi_0.weight", [FF, E], "w"), (q + "1.DenseReluDense.wi_1.weight", [FF, E], "w"), (q + "1.DenseReluDense.wo.weight", [E, FF], "w")]
        if i == 0:
            t.append((q + "0.SelfAttention.relative_attention_bias.weight", [32, H], "w"))
    return Case("t5enc", "t5-v1_1-xxl-encoder-bf16", c, t, f, None, note="T5 encoder as used by image models: spiece.model, first of the shared embeddings kept")


# --------------------------------------------- DeepSeek family, further decoders

def kimi_k2_int4():
    f, ids, n = hc.ds_tok("deepseek-v3")
    X, FX = 4, 32
    q = {"config_groups": {"group_0": {"input_activations": None, "output_activations": None, "targets": ["Linear"], "weights": {"actorder": None, "block_structure": None, "dynamic": False, "group_size": 32, "num_bits": 4, "observer": "minmax", "observer_kwargs": {}, "strategy": "group", "symmetric": True, "type": "int"}}},
         "format": "pack-quantized", "ignore": ["lm_head", "re:.*self_attn.*", "re:.*shared_experts.*"], "kv_cache_scheme": None, "quant_method": "compressed-tensors", "quantization_status": "compressed"}
    c = base_cfg("DeepseekV3ForCausalLM", "deepseek_v3", n, num_key_value_heads=H, kv_lora_rank=32, q_lora_rank=48, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, n_routed_experts=X, n_shared_experts=1, num_experts_per_tok=2, moe_intermediate_size=FX, first_k_dense_replace=1, moe_layer_freq=1,
                 routed_scaling_factor=2.827, norm_topk_prob=True, scoring_func="sigmoid", topk_method="noaux_tc", n_group=1, topk_group=1, num_nextn_predict_layers=0, rope_theta=50000.0, max_position_embeddings=262144, bos_token_id=ids[hc.DS_SPECIALS[0][0]], eos_token_id=ids[hc.DS_SPECIALS[1][0]], quantization_config=q,
                 rope_scaling={"beta_fast": 32.0, "beta_slow": 1.0, "factor": 64.0, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096, "type": "yarn"})
    t = [("model.embed_tokens.weight", [n, E], "w"), ("model.norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    for i in range(L):
        p = "model.layers.%d." % i
        t += [(p + "input_layernorm.weight", [E], "norm"), (p + "post_attention_layernorm.weight", [E], "norm")] + hc.mla_layer(p, H, 16, 8, 16, 32, 48)
        if i == 0:
            t += mlp(p + "mlp.")
        else:
            t += [(p + "mlp.gate.weight", [X, E], "w"), (p + "mlp.gate.e_score_correction_bias", [X], "w", "F32")] + mlp(p + "mlp.shared_experts.", ff=FX)
            for x in range(X):
                for nm, o, k in (("gate_proj", FX, E), ("up_proj", FX, E), ("down_proj", E, FX)):
                    w = p + "mlp.experts.%d.%s.weight" % (x, nm)
                    t += [(w + "_packed", [o, k // 8], kinds_i32(w, o * k // 8), "I32"), (w + "_scale", [o, k // 32], "pos"), (w + "_shape", [2], o.to_bytes(4, "little") + k.to_bytes(4, "little"), "I32")]
    return Case("kimi_k2_int4", "Kimi-K2-Thinking", c, t, f, "deepseek-v3", shards=2, note="INT4 pack-quantized experts of compressed-tensors (model_type deepseek_v3: with kimi_k2 the oracle fails)")


def kinds_i32(name, n):
    from hfgen import _splitmix, seed_of
    return b"".join((z >> 32).to_bytes(4, "little") for z in _splitmix(n, seed_of("i32", name)))


def glm47flash():
    f, ids, n = hc.glm_tok()
    X = 4
    c = base_cfg("Glm4MoeLiteForCausalLM", "glm4_moe_lite", n, num_key_value_heads=H, attention_bias=False, kv_lora_rank=32, q_lora_rank=48, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, n_routed_experts=X, n_shared_experts=1, num_experts_per_tok=2, moe_intermediate_size=32,
                 first_k_dense_replace=1, routed_scaling_factor=1.8, norm_topk_prob=True, topk_method="noaux_tc", n_group=1, topk_group=1, num_nextn_predict_layers=1, partial_rotary_factor=1.0, rope_scaling=None, rope_theta=1000000, max_position_embeddings=202752,
                 eos_token_id=[ids["<|endoftext|>"], ids["<|user|>"], ids["<|observation|>"]], pad_token_id=ids["<|endoftext|>"])
    t = [("model.embed_tokens.weight", [n, E], "w")]
    for i in range(L + 1):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "post_attention_layernorm.weight", [E], "norm")] + hc.mla_layer(q, H, 16, 8, 16, 32, 48)
        t += mlp(q + "mlp.") if i == 0 else moe_layer(q, X, 32) + mlp(q + "mlp.shared_experts.", ff=32) + [(q + "mlp.gate.e_score_correction_bias", [X], "w", "F32")]
    q = "model.layers.%d." % L
    t += [(q + "eh_proj.weight", [E, 2 * E], "w"), (q + "enorm.weight", [E], "norm"), (q + "hnorm.weight", [E], "norm"), (q + "shared_head.norm.weight", [E], "norm"), (q + "shared_head.head.weight", [n, E], "w"), (q + "embed_tokens.weight", [n, E], "w")]
    t += [("model.norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    return Case("glm47flash", "GLM-4.7-Flash", c, t, f, "glm4", shards=2, note="MLA with the GLM tokenizer, MTP layer kept")


def deepseek32():
    f, ids, n = hc.ds_tok("deepseek-v3")
    X = 4
    c = base_cfg("DeepseekV32ForCausalLM", "deepseek_v32", n, num_key_value_heads=H, kv_lora_rank=32, q_lora_rank=48, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, n_routed_experts=X, n_shared_experts=1, num_experts_per_tok=2, moe_intermediate_size=32, first_k_dense_replace=1, moe_layer_freq=1,
                 routed_scaling_factor=2.5, norm_topk_prob=True, scoring_func="sigmoid", topk_method="noaux_tc", n_group=2, topk_group=1, num_nextn_predict_layers=1, index_head_dim=16, index_n_heads=2, index_topk=2048, bos_token_id=ids[hc.DS_SPECIALS[0][0]], eos_token_id=ids[hc.DS_SPECIALS[1][0]],
                 max_position_embeddings=163840, rms_norm_eps=1e-06, rope_scaling={"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096, "type": "yarn"})
    t = [("model.embed_tokens.weight", [n, E], "w")]
    for i in range(L + 1):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "post_attention_layernorm.weight", [E], "norm")] + hc.mla_layer(q, H, 16, 8, 16, 32, 48)
        ix = q + "self_attn.indexer."
        t += [(ix + "k_norm.weight", [16], "norm"), (ix + "k_norm.bias", [16], "w"), (ix + "weights_proj.weight", [2, E], "w"), (ix + "wk.weight", [16, E], "w"), (ix + "wq_b.weight", [32, 48], "w")]
        t += mlp(q + "mlp.") if i == 0 else moe_layer(q, X, 32) + mlp(q + "mlp.shared_experts.", ff=32) + [(q + "mlp.gate.e_score_correction_bias", [X], "w", "F32")]
    q = "model.layers.%d." % L
    t += [(q + "eh_proj.weight", [E, 2 * E], "w"), (q + "enorm.weight", [E], "norm"), (q + "hnorm.weight", [E], "norm"), (q + "shared_head.norm.weight", [E], "norm"), (q + "shared_head.head.weight", [n, E], "w"), (q + "embed_tokens.weight", [n, E], "w")]
    t += [("model.norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    k = Case("deepseek32", "DeepSeek-V3.2-Exp", c, t, f, "deepseek-v3", shards=2, note="sparse attention indexer, MTP layer kept; made with the converter's assertion on add_bos_token satisfied by force (import-2.md section 6)")
    k.assume_bos = True
    k.outtypes = ("f16", "bf16")
    return k


def apertus():
    sp = [("<unk>", True, False), ("<s>", True, False), ("</s>", True, False), ("<pad>", True, False), ("<|assistant_end|>", True, False)]
    f, ids, n = bpe_files("tekken", sp, lambda i: template_post("<s>", None, i), pair_merges=True, special_first=True, cfg={"bos_token": "<s>", "eos_token": "<|assistant_end|>", "pad_token": "<pad>", "unk_token": "<unk>", "add_prefix_space": False, "chat_template": "{{ messages }}"})
    c = base_cfg("ApertusForCausalLM", "apertus", n, hidden_act="xielu", qk_norm=True, post_norm=False, rope_theta=12000000, rope_scaling={"factor": 8.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}, bos_token_id=1, eos_token_id=ids["<|assistant_end|>"], pad_token_id=3, max_position_embeddings=65536)
    t = [("model.embed_tokens.weight", [n, E], "w")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += [(q + "attention_layernorm.weight", [E], "norm"), (q + "feedforward_layernorm.weight", [E], "norm")] + attn(q + "self_attn.", qk_norm=HD) + [(q + "mlp.up_proj.weight", [FF, E], "w"), (q + "mlp.down_proj.weight", [E, FF], "w")]
        t += [(q + "mlp.act_fn.alpha_n", [1], "pos"), (q + "mlp.act_fn.alpha_p", [1], "pos"), (q + "mlp.act_fn.beta", [], "pos"), (q + "mlp.act_fn.eps", [], "pos")]
    t += [("model.norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    return Case("apertus", "Apertus-8B-Instruct-2509", c, t, f, "tekken", note="activation parameters are read from weights into keys, before general.type")


def qwen35_nomtp():
    """A fine-tune saved by transformers: flat config, causal class, MTP layer announced but not stored."""
    f, ids, n = qwen_tok("qwen35")
    KD, VD, NK, NV = 16, 16, 2, 2
    c = base_cfg("Qwen3_5ForCausalLM", "qwen3_5_text", n, num_hidden_layers=4, head_dim=32, rms_norm_eps=1e-06, max_position_embeddings=262144, rope_theta=DROP, attn_output_gate=True, full_attention_interval=4, linear_conv_kernel_dim=4, linear_key_head_dim=KD, linear_num_key_heads=NK,
                 linear_num_value_heads=NV, linear_value_head_dim=VD, mtp_num_hidden_layers=1, tie_word_embeddings=True, layer_types=["linear_attention"] * 3 + ["full_attention"], eos_token_id=ids["<|endoftext|>"],
                 rope_parameters={"mrope_interleaved": True, "mrope_section": [11, 11, 10], "rope_type": "default", "rope_theta": 10000000, "partial_rotary_factor": 0.25})
    t = [("model.embed_tokens.weight", [n, E], "w")]
    kd, vd = KD * NK, VD * NV
    for i in range(4):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "gnorm"), (q + "post_attention_layernorm.weight", [E], "gnorm")] + mlp(q + "mlp.")
        if i == 3:
            t += qfull(q)
        else:
            a = q + "linear_attn."
            t += [(a + "A_log", [NV], "pos"), (a + "dt_bias", [NV], "w"), (a + "conv1d.weight", [2 * kd + vd, 1, 4], "w"), (a + "in_proj_qkv.weight", [2 * kd + vd, E], "w"), (a + "in_proj_z.weight", [vd, E], "w"),
                  (a + "in_proj_a.weight", [NV, E], "w"), (a + "in_proj_b.weight", [NV, E], "w"), (a + "norm.weight", [VD], "norm"), (a + "out_proj.weight", [E, vd], "w")]
    t.append(("model.norm.weight", [E], "gnorm"))
    return Case("qwen35_nomtp", "My-Qwen3.5-0.8B-finetune", c, t, f, "qwen35", note="MTP layer counted in block_count though its tensors are absent; no value head reorder when the head counts are equal")


def mtp_tail(q, n):
    return [(q + "eh_proj.weight", [E, 2 * E], "w"), (q + "enorm.weight", [E], "norm"), (q + "hnorm.weight", [E], "norm"), (q + "shared_head.norm.weight", [E], "norm"), (q + "shared_head.head.weight", [n, E], "w"), (q + "embed_tokens.weight", [n, E], "w")]


def glm5():
    f, ids, n = hc.glm_tok()
    X = 4
    c = base_cfg("GlmMoeDsaForCausalLM", "glm_moe_dsa", n, num_key_value_heads=H, attention_bias=False, head_dim=8, kv_lora_rank=32, q_lora_rank=48, qk_head_dim=24, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, n_routed_experts=X, n_shared_experts=1, num_experts_per_tok=2, moe_intermediate_size=32, moe_layer_freq=1,
                 first_k_dense_replace=1, routed_scaling_factor=2.5, norm_topk_prob=True, scoring_func="sigmoid", topk_method="noaux_tc", n_group=1, topk_group=1, num_nextn_predict_layers=1, index_head_dim=16, index_n_heads=2, index_topk=2048, indexer_rope_interleave=True, rope_theta=DROP, rope_parameters={"rope_theta": 1000000, "rope_type": "default"},
                 max_position_embeddings=202752, eos_token_id=[ids["<|endoftext|>"], ids["<|user|>"], ids["<|observation|>"]], pad_token_id=ids["<|endoftext|>"])
    t = [("model.embed_tokens.weight", [n, E], "w")]
    for i in range(L + 1):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "post_attention_layernorm.weight", [E], "norm")] + hc.mla_layer(q, H, 16, 8, 16, 32, 48)
        ix = q + "self_attn.indexer."
        t += [(ix + "k_norm.weight", [16], "norm"), (ix + "k_norm.bias", [16], "w"), (ix + "weights_proj.weight", [2, E], "w"), (ix + "wk.weight", [16, E], "w"), (ix + "wq_b.weight", [32, 48], "w")]
        t += mlp(q + "mlp.") if i == 0 else moe_layer(q, X, 32) + mlp(q + "mlp.shared_experts.", ff=32) + [(q + "mlp.gate.e_score_correction_bias", [X], "w", "F32")]
    t += mtp_tail("model.layers.%d." % L, n) + [("model.norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    return Case("glm5", "GLM-5", c, t, f, "glm4", shards=2, note="MLA with the sparse attention indexer, MTP layer kept")


def kimi_k25():
    f, ids, n = hc.ds_tok("deepseek-v3")
    X, FX = 4, 32
    tc = base_cfg("DeepseekV3ForCausalLM", "kimi_k2", n, num_key_value_heads=H, kv_lora_rank=32, q_lora_rank=48, qk_nope_head_dim=16, qk_rope_head_dim=8, v_head_dim=16, n_routed_experts=X, n_shared_experts=1, num_experts_per_tok=2, moe_intermediate_size=FX, first_k_dense_replace=1, moe_layer_freq=1,
                  routed_scaling_factor=2.827, norm_topk_prob=True, scoring_func="sigmoid", topk_method="noaux_tc", n_group=1, topk_group=1, num_nextn_predict_layers=0, rope_theta=50000.0, max_position_embeddings=262144, bos_token_id=ids[hc.DS_SPECIALS[0][0]], eos_token_id=ids[hc.DS_SPECIALS[1][0]],
                  rope_scaling={"beta_fast": 32.0, "beta_slow": 1.0, "factor": 64.0, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 4096, "type": "yarn"})
    c = {"architectures": ["KimiK25ForConditionalGeneration"], "model_type": "kimi_k25", "media_placeholder_token_id": 3, "text_config": tc, "vision_config": {"model_type": "kimi_k25", "patch_size": 14}, "tie_word_embeddings": False, "bos_token_id": ids[hc.DS_SPECIALS[0][0]], "eos_token_id": ids[hc.DS_SPECIALS[1][0]], "dtype": "bfloat16"}
    m = "language_model.model."
    t = [(m + "embed_tokens.weight", [n, E], "w"), (m + "norm.weight", [E], "norm"), ("language_model.lm_head.weight", [n, E], "w"), ("vision_tower.encoder.final_layernorm.weight", [32], "norm"), ("mm_projector.proj.0.weight", [32, 32], "w")]
    for i in range(L):
        p = m + "layers.%d." % i
        t += [(p + "input_layernorm.weight", [E], "norm"), (p + "post_attention_layernorm.weight", [E], "norm")] + hc.mla_layer(p, H, 16, 8, 16, 32, 48)
        t += mlp(p + "mlp.") if i == 0 else moe_layer(p, X, FX) + mlp(p + "mlp.shared_experts.", ff=FX) + [(p + "mlp.gate.e_score_correction_bias", [X], "w", "F32")]
    return Case("kimi_k25", "Kimi-K2.5", c, t, f, "deepseek-v3", shards=2, note="text part; classes unknown to transformers: raw config, no defaults (with tokenizer.json; the published model has only tiktoken files)")


def t5():
    k = t5enc()
    c = dict(k.config, architectures=["T5ForConditionalGeneration"], n_positions=512)
    t = list(k.tensors) + [("lm_head.weight", [c["vocab_size"], E], "w"), ("decoder.final_layer_norm.weight", [E], "norm"), ("decoder.embed_tokens.weight", [c["vocab_size"], E], "w")]
    for i in range(L):
        q = "decoder.block.%d.layer." % i
        for a, x in (("0.SelfAttention", 0), ("1.EncDecAttention", 1)):
            t += [(q + a + ".%s.weight" % y, [64, E], "w") for y in "qkv"] + [(q + a + ".o.weight", [E, 64], "w"), (q + "%d.layer_norm.weight" % x, [E], "norm")]
        t += [(q + "2.layer_norm.weight", [E], "norm"), (q + "2.DenseReluDense.wi_0.weight", [FF, E], "w"), (q + "2.DenseReluDense.wi_1.weight", [FF, E], "w"), (q + "2.DenseReluDense.wo.weight", [E, FF], "w")]
        if i == 0:
            t.append((q + "0.SelfAttention.relative_attention_bias.weight", [32, H], "w"))
    return Case("t5", "flan-t5-small", c, t, k.files, None, note="encoder and decoder; the first of three shared embeddings is decoder.embed_tokens")


# ------------------------------------------------------- q8_0 and auto outtypes

def q8_odd():
    f, ids, n = qwen_tok()
    c = base_cfg("Qwen2ForCausalLM", "qwen2", n, intermediate_size=40, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], rope_theta=1000000.0)
    t = dense(n, ff=40, bias="qkv")
    t = [(x[0], x[1], "zero" if x[0].endswith("1.self_attn.v_proj.weight") else x[2], "F32" if ".0." in x[0] else "F16") for x in t]
    k = Case("q8_odd", "Odd-Rows", c, t, f, "qwen2", note="outtype q8_0: rows not divisible by 32 fall back to F16; auto takes the first two-dimensional 16 bit tensor")
    k.outtypes = ("q8_0", "auto")
    return k


# ----------------------------------------------------------------------- mmproj

MM = ("mmproj-f16", "mmproj-bf16", "mmproj-f32", "mmproj-q8_0")
PREP = {"do_normalize": True, "do_rescale": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.25, 0.125], "rescale_factor": 0.00392156862745098, "size": {"height": 56, "width": 56}}


def mm(name, dirname, c, t, f, note, prep=PREP, types=MM, **kw):
    f = dict(f)
    if prep is not None:
        f["preprocessor_config.json"] = prep
    k = Case(name, dirname, c, t, f, None, note=note, **kw)
    k.outtypes = types
    return k


def siglip(p, e=32, ff=48, layers=2, ps=14, pos=16, post=True):
    t = [(p + "embeddings.patch_embedding.weight", [e, 3, ps, ps], "w"), (p + "embeddings.patch_embedding.bias", [e], "w"), (p + "embeddings.position_embedding.weight", [pos, e], "w")]
    for i in range(layers):
        q = p + "encoder.layers.%d." % i
        t += ln(q + "layer_norm1", e) + ln(q + "layer_norm2", e)
        for nm in ("q_proj", "k_proj", "v_proj", "out_proj"):
            t += linear_bias(q + "self_attn." + nm, e, e)
        t += linear_bias(q + "mlp.fc1", ff, e) + linear_bias(q + "mlp.fc2", e, ff)
    return t + (ln(p + "post_layernorm", e) if post else [])


def mm_gemma3():
    f, n = gemma_spm()
    tc = {"model_type": "gemma3_text", "hidden_size": E, "intermediate_size": FF, "num_hidden_layers": 1, "num_attention_heads": H, "num_key_value_heads": KV, "head_dim": 32, "sliding_window": 1024, "vocab_size": n}
    c = {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "mm_tokens_per_image": 256, "torch_dtype": "bfloat16", "text_config": tc,
         "vision_config": {"hidden_size": 32, "image_size": 896, "intermediate_size": 48, "model_type": "siglip_vision_model", "num_attention_heads": 2, "num_hidden_layers": 2, "patch_size": 14, "vision_use_head": False}}
    t = [("language_model.model.embed_tokens.weight", [n, E], "w"), ("language_model.model.norm.weight", [E], "gnorm"), ("multi_modal_projector.mm_input_projection_weight", [32, E], "w"), ("multi_modal_projector.mm_soft_emb_norm.weight", [32], "gnorm")]
    t += siglip("vision_tower.vision_model.")
    return mm("mm_gemma3", "gemma-3-4b-it", c, t, f, "SigLIP, projection always F16, embeddings F32, norm plus one", dict(PREP, image_seq_length=256), types=MM + ("mmproj-auto",))


def mm_qwen25vl():
    c = base_cfg("Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl", 300, rope_scaling={"mrope_section": [16, 24, 24], "type": "mrope"}, rms_norm_eps=1e-06, image_token_id=3,
                 vision_config={"depth": 4, "fullatt_block_indexes": [1, 3], "hidden_act": "silu", "hidden_size": 32, "in_chans": 3, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": E, "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14, "temporal_patch_size": 2, "tokens_per_second": 2, "window_size": 112})
    v = "visual."
    t = [("model.embed_tokens.weight", [300, E], "w"), ("lm_head.weight", [300, E], "w"), (v + "patch_embed.proj.weight", [32, 3, 2, 14, 14], "w")]
    for i in range(4):
        q = v + "blocks.%d." % i
        t += [(q + "norm1.weight", [32], "norm"), (q + "norm2.weight", [32], "norm")] + linear_bias(q + "attn.qkv", 96, 32) + linear_bias(q + "attn.proj", 32, 32) + linear_bias(q + "mlp.gate_proj", 48, 32) + linear_bias(q + "mlp.up_proj", 48, 32) + linear_bias(q + "mlp.down_proj", 32, 48)
    t += [(v + "merger.ln_q.weight", [32], "norm")] + linear_bias(v + "merger.mlp.0", 128, 128) + linear_bias(v + "merger.mlp.2", E, 128)
    return mm("mm_qwen25vl", "Qwen2.5-VL-3B-Instruct", c, t, {}, "qkv split, 3D patch embedding split in two, window attention pattern", dict(PREP, min_pixels=3136, max_pixels=12845056, patch_size=14, merge_size=2), shards=2)


def qwen3vl_vision(v, depth=3, ds=(1, 2), pos=2304):
    t = linear_bias(v + "patch_embed.proj", 32, 1)[1:] + [(v + "patch_embed.proj.weight", [32, 3, 2, 16, 16], "w"), (v + "pos_embed.weight", [pos, 32], "w")]
    for i in range(depth):
        q = v + "blocks.%d." % i
        t += ln(q + "norm1", 32) + ln(q + "norm2", 32) + linear_bias(q + "attn.qkv", 96, 32) + linear_bias(q + "attn.proj", 32, 32) + linear_bias(q + "mlp.linear_fc1", 48, 32) + linear_bias(q + "mlp.linear_fc2", 32, 48)
    t += ln(v + "merger.norm", 32) + linear_bias(v + "merger.linear_fc1", 128, 128) + linear_bias(v + "merger.linear_fc2", E, 128)
    for k in range(len(ds)):
        p = v + "deepstack_merger_list.%d." % k
        t += ln(p + "norm", 128) + linear_bias(p + "linear_fc1", 128, 128) + linear_bias(p + "linear_fc2", E, 128)
    return t


def mm_qwen3vl():
    tc = {"head_dim": 32, "hidden_size": E, "intermediate_size": FF, "model_type": "qwen3_vl_text", "num_attention_heads": H, "num_hidden_layers": 3, "num_key_value_heads": KV, "rms_norm_eps": 1e-06, "rope_scaling": {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"}, "rope_theta": 5000000, "vocab_size": 300}
    c = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl", "image_token_id": 3, "text_config": tc, "tie_word_embeddings": True,
         "vision_config": {"deepstack_visual_indexes": [1, 2], "depth": 3, "hidden_act": "gelu_pytorch_tanh", "hidden_size": 32, "in_channels": 3, "intermediate_size": 48, "model_type": "qwen3_vl", "num_heads": 2, "num_position_embeddings": 64, "out_hidden_size": E, "patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2}}
    t = [("model.language_model.embed_tokens.weight", [300, E], "w")] + qwen3vl_vision("model.visual.", pos=64)
    return mm("mm_qwen3vl", "Qwen3-VL-4B-Instruct", c, t, {}, "deepstack mergers, fused qkv kept, image size from the number of positions", {"size": {"longest_edge": 16777216, "shortest_edge": 65536}, "patch_size": 16, "temporal_patch_size": 2, "merge_size": 2, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]})


def pixtral_vision(p, e=32, ff=48, layers=3, ps=14):
    t = [(p + "patch_conv.weight", [e, 3, ps, ps], "w"), (p + "ln_pre.weight", [e], "norm")]
    for i in range(layers):
        q = p + "transformer.layers.%d." % i
        t += [(q + "attention_norm.weight", [e], "norm"), (q + "ffn_norm.weight", [e], "norm")] + [(q + "attention.%s_proj.weight" % x, [e, e], "w") for x in "qkvo"]
        t += [(q + "feed_forward.gate_proj.weight", [ff, e], "w"), (q + "feed_forward.up_proj.weight", [ff, e], "w"), (q + "feed_forward.down_proj.weight", [e, ff], "w")]
    return t


PIXTRAL_VC = {"attention_dropout": 0.0, "head_dim": 16, "hidden_act": "silu", "hidden_size": 32, "image_size": 1540, "initializer_range": 0.02, "intermediate_size": 48, "model_type": "pixtral", "num_attention_heads": 2, "num_channels": 3, "num_hidden_layers": 3, "patch_size": 14, "rope_theta": 10000.0}
MISTRAL_TC = {"head_dim": 32, "hidden_size": E, "intermediate_size": FF, "max_position_embeddings": 131072, "model_type": "mistral", "num_attention_heads": H, "num_hidden_layers": 1, "num_key_value_heads": KV, "rms_norm_eps": 1e-05, "rope_theta": 1000000000.0, "sliding_window": None, "vocab_size": 300}


def tekken_files():
    sp = [("<unk>", True, False), ("<s>", True, False), ("</s>", True, False), ("[INST]", True, False), ("[/INST]", True, False), ("[IMG]", True, False), ("[IMG_BREAK]", True, False), ("[IMG_END]", True, False)]
    return bpe_files("tekken", sp, lambda i: template_post("<s>", None, i), special_first=True, cfg={"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})[0]


def mm_mistral3():
    c = {"architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3", "image_token_index": 5, "multimodal_projector_bias": False, "projector_hidden_act": "gelu", "spatial_merge_size": 2, "text_config": MISTRAL_TC, "vision_config": PIXTRAL_VC, "vision_feature_layer": -1, "torch_dtype": "bfloat16"}
    t = [("language_model.model.embed_tokens.weight", [300, E], "w"), ("language_model.lm_head.weight", [300, E], "w")] + pixtral_vision("vision_tower.")
    m = "multi_modal_projector."
    t += [(m + "norm.weight", [32], "norm"), (m + "patch_merger.merging_layer.weight", [32, 128], "w"), (m + "linear_1.weight", [E, 32], "w"), (m + "linear_2.weight", [E, E], "w")]
    return mm("mm_mistral3", "Mistral-Small-3.2-24B-Instruct-2506", c, t, tekken_files(), "Pixtral vision: q and k permuted, patch merger, [IMG_BREAK] row only from names without language_model")


def mm_pixtral():
    c = {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "image_token_index": 5, "ignore_index": -100, "projector_hidden_act": "gelu", "image_seq_length": 1, "text_config": MISTRAL_TC, "vision_config": dict(PIXTRAL_VC, image_size=1024, patch_size=16), "vision_feature_layer": -1, "vision_feature_select_strategy": "full", "torch_dtype": "bfloat16"}
    m = "multi_modal_projector."
    t = [("model.embed_tokens.weight", [300, E], "w"), ("language_model.lm_head.weight", [300, E], "w")] + pixtral_vision("vision_tower.", ps=16) + linear_bias(m + "linear_1", E, 32) + linear_bias(m + "linear_2", E, E)
    return mm("mm_pixtral", "pixtral-12b", c, t, tekken_files(), "LLaVA class with a Pixtral tower; [IMG_BREAK] embedding taken from the text embeddings")


def mm_smolvlm():
    sp = [("<|im_start|>", True, False), ("<end_of_utterance>", True, False), ("<fake_token_around_image>", True, False), ("<image>", True, False), ("<global-img>", True, False), ("<row_1_col_1>", True, False)]
    f, ids, n = bpe_files("llama-bpe", sp, cfg={"bos_token": "<|im_start|>", "eos_token": "<end_of_utterance>", "unk_token": None, "chat_template": CHATML})
    tc = {"architectures": ["VLlama3ForCausalLM"], "hidden_size": E, "intermediate_size": FF, "max_position_embeddings": 8192, "model_type": "llama", "num_attention_heads": H, "num_hidden_layers": L, "num_key_value_heads": KV, "rms_norm_eps": 1e-05, "rope_theta": 100000, "torch_dtype": "bfloat16", "vocab_size": n}
    c = {"architectures": ["SmolVLMForConditionalGeneration"], "model_type": "smolvlm", "image_token_id": ids["<image>"], "scale_factor": 2, "text_config": tc, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "vocab_size": n,
         "vision_config": {"hidden_size": 32, "image_size": 56, "intermediate_size": 48, "max_image_size": {"longest_edge": 56}, "model_type": "smolvlm_vision", "num_attention_heads": 2, "num_hidden_layers": 2, "patch_size": 14}}
    t = [("model.text_model." + x[0][6:],) + x[1:] if x[0].startswith("model.") else x for x in dense(n)]
    t += siglip("model.vision_model.") + [("model.connector.modality_projection.proj.weight", [E, 128], "w")]
    f["preprocessor_config.json"] = dict(PREP, size={"longest_edge": 112}, max_image_size={"longest_edge": 56}, do_image_splitting=True)
    return of_types(Case("mm_smolvlm", "SmolVLM-256M-Instruct", c, t, f, "llama-bpe", note="text part with a part more in its names; mmproj idefics3, epsilon of the class, edge of the preprocessor"), TEXT + MM)


def mm_idefics3():
    c = {"architectures": ["Idefics3ForConditionalGeneration"], "model_type": "idefics3", "image_token_id": 3, "text_config": {"model_type": "llama", "hidden_size": E, "num_hidden_layers": 1, "vocab_size": 300}, "tie_word_embeddings": False,
         "vision_config": {"hidden_size": 32, "image_size": 56, "intermediate_size": 50, "layer_norm_eps": 1e-05, "model_type": "idefics3", "num_attention_heads": 2, "num_hidden_layers": 2, "patch_size": 14}}
    t = [("model.text_model.embed_tokens.weight", [300, E], "w")] + siglip("model.vision_model.", ff=50) + [("model.connector.modality_projection.proj.weight", [E, 128], "w")]
    return mm("mm_idefics3", "Idefics3-8B-Llama3", c, t, {}, "no scale factor, no edge, rows that are no whole blocks", PREP, dtype="F16")


def mm_qwen2vl():
    c = base_cfg("Qwen2VLForConditionalGeneration", "qwen2_vl", 300, rope_scaling={"mrope_section": [16, 24, 24], "type": "mrope"}, rms_norm_eps=1e-05, image_token_id=3,
                 vision_config={"depth": 3, "embed_dim": 32, "hidden_act": "quick_gelu", "hidden_size": E, "in_channels": 3, "mlp_ratio": 4, "num_heads": 2, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2})
    v = "visual."
    t = [("model.embed_tokens.weight", [300, E], "w"), ("lm_head.weight", [300, E], "w"), (v + "patch_embed.proj.weight", [32, 3, 2, 14, 14], "w")]
    for i in range(3):
        q = v + "blocks.%d." % i
        t += ln(q + "norm1", 32) + ln(q + "norm2", 32) + linear_bias(q + "attn.qkv", 96, 32) + linear_bias(q + "attn.proj", 32, 32) + linear_bias(q + "mlp.fc1", 128, 32) + linear_bias(q + "mlp.fc2", 32, 128)
    t += ln(v + "merger.ln_q", 32) + linear_bias(v + "merger.mlp.0", 128, 128) + linear_bias(v + "merger.mlp.2", E, 128)
    return mm("mm_qwen2vl", "Qwen2-VL-2B-Instruct", c, t, {}, "the older class: no gate, sizes by other names", dict(PREP, min_pixels=3136, max_pixels=12845056, patch_size=14, merge_size=2))


def llava():
    f = tekken_files()
    n = max(max(f["tokenizer.json"]["model"]["vocab"].values()), max(a["id"] for a in f["tokenizer.json"]["added_tokens"])) + 1
    c = {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "image_token_index": 5, "ignore_index": -100, "projector_hidden_act": "gelu", "image_seq_length": 1, "text_config": dict(MISTRAL_TC, vocab_size=n, num_hidden_layers=L), "vision_config": dict(PIXTRAL_VC, image_size=64, patch_size=16), "vision_feature_layer": -1, "vision_feature_select_strategy": "full", "torch_dtype": "bfloat16"}
    m = "multi_modal_projector."
    t = [("language_model." + x[0],) + x[1:] for x in dense(n, hd=32)] + pixtral_vision("vision_tower.", ps=16) + linear_bias(m + "linear_1", E, 32) + linear_bias(m + "linear_2", E, E)
    f["preprocessor_config.json"] = PREP
    return of_types(Case("llava", "pixtral-12b-hf", c, t, f, "tekken", note="text part of the LLaVA class, and its projector without [IMG_BREAK]"), TEXT + MM)


def mm_gemma4():
    f, n = gemma4_tok()
    tc = {"model_type": "gemma4_text", "hidden_size": E, "intermediate_size": FF, "num_hidden_layers": 1, "num_attention_heads": H, "num_key_value_heads": 1, "head_dim": 16, "global_head_dim": 32, "layer_types": ["full_attention"], "vocab_size": n}
    c = {"architectures": ["Gemma4ForConditionalGeneration"], "model_type": "gemma4", "text_config": tc, "audio_config": None, "dtype": "bfloat16", "vision_soft_tokens_per_image": 280,
         "vision_config": {"model_type": "gemma4_vision", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16, "patch_size": 4, "pooling_kernel_size": 3, "position_embedding_size": 64, "rms_norm_eps": 1e-06}}
    v = "model.vision_tower."
    t = [("model.language_model.embed_tokens.weight", [n, E], "w"), ("model.embed_vision.embedding_projection.weight", [E, 32], "w"), (v + "patch_embedder.input_proj.weight", [32, 48], "w"), (v + "patch_embedder.position_embedding_table", [2, 64, 32], "w")]
    for i in range(2):
        q = v + "encoder.layers.%d." % i
        t += [(q + "self_attn.%s_proj.linear.weight" % x, [32, 32], "w") for x in "qkvo"] + [(q + "self_attn.q_norm.weight", [16], "norm"), (q + "self_attn.k_norm.weight", [16], "norm")]
        t += [(q + "mlp.gate_proj.linear.weight", [48, 32], "w"), (q + "mlp.up_proj.linear.weight", [48, 32], "w"), (q + "mlp.down_proj.linear.weight", [32, 48], "w")] + [(q + x + ".weight", [32], "norm") for x in GEMMA_NORMS]
    f["processor_config.json"] = {"processor_class": "Gemma4Processor", "image_seq_length": 280, "image_processor": {"image_mean": [0.0, 0.0, 0.0], "image_std": [1.0, 1.0, 1.0], "patch_size": 4, "do_normalize": False}}
    return mm("mm_gemma4", "gemma-4-31B-it", c, t, f, "vision tower without audio: patch matrix reshaped to a convolution, position table F32, values from processor_config.json", None)


def mm_llama4():
    c = {"architectures": ["Llama4ForConditionalGeneration"], "model_type": "llama4", "boi_token_index": 1, "eoi_token_index": 2, "image_token_index": 3, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
         "text_config": {"model_type": "llama4_text", "hidden_size": E, "intermediate_size": 48, "intermediate_size_mlp": 80, "num_attention_heads": H, "num_hidden_layers": 1, "num_key_value_heads": KV, "num_local_experts": 2, "vocab_size": 300},
         "vision_config": {"attention_dropout": 0.0, "hidden_act": "gelu", "hidden_size": 32, "image_size": 28, "intermediate_size": 48, "model_type": "llama4_vision_model", "multi_modal_projector_bias": False, "norm_eps": 1e-05, "num_attention_heads": 2, "num_channels": 3, "num_hidden_layers": 3, "patch_size": 14,
                           "pixel_shuffle_ratio": 0.5, "projector_dropout": 0.0, "projector_input_dim": 32, "projector_output_dim": 32, "rope_theta": 10000, "vision_feature_layer": -1, "vision_feature_select_strategy": "default", "vision_output_dim": 32}}
    v = "vision_model."
    t = [("language_model.model.embed_tokens.weight", [300, E], "w"), ("multi_modal_projector.linear_1.weight", [E, 32], "w"), (v + "class_embedding", [32], "w"), (v + "positional_embedding_vlm", [5, 32], "w"), (v + "patch_embedding.linear.weight", [32, 588], "w")]
    t += ln(v + "layernorm_pre", 32) + ln(v + "layernorm_post", 32) + [(v + "vision_adapter.mlp.fc1.weight", [32, 128], "w"), (v + "vision_adapter.mlp.fc2.weight", [32, 32], "w")]
    for i in range(3):
        q = v + "model.layers.%d." % i
        for nm in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"):
            t += linear_bias(q + nm, 32, 32)
        t += linear_bias(q + "mlp.fc1", 48, 32) + linear_bias(q + "mlp.fc2", 32, 48) + ln(q + "input_layernorm", 32) + ln(q + "post_attention_layernorm", 32)
    return mm("mm_llama4", "Llama-4-Scout-17B-16E-Instruct", c, t, {}, "pixel shuffle projector")


# ------------------------------------------------ text and vision from one directory

def laguna():
    sp = [("〈|EOS|〉", True, False), ("〈|PAD|〉", True, False), ("<think>", False, False), ("</assistant>", False, False), ("<user>", False, False)]
    f, ids, n = bpe_files("qwen2", sp, lambda i: template_post("〈|EOS|〉", None, i), pair_merges=True, cfg={"bos_token": "〈|EOS|〉", "eos_token": "〈|EOS|〉", "pad_token": "〈|PAD|〉", "chat_template": "{% include 'chat_template.jinja' %}"})
    f["chat_template.jinja"] = "{{ messages }}"
    X, FX, NL = 4, 32, 4
    heads = [H, 6, 6, H]
    c = base_cfg("LagunaForCausalLM", "laguna", n, num_hidden_layers=NL, head_dim=HD, num_attention_heads_per_layer=heads, layer_types=["full_attention", "sliding_attention", "sliding_attention", "full_attention"], sliding_window=512, gating=True, mlp_layer_types=["dense", "sparse", "sparse", "sparse"], moe_intermediate_size=FX,
                 shared_expert_intermediate_size=48, num_experts=X, num_experts_per_tok=2, moe_routed_scaling_factor=2.5, bos_token_id=ids["〈|EOS|〉"], eos_token_id=[ids["〈|EOS|〉"], ids["</assistant>"]], pad_token_id=ids["〈|PAD|〉"], rope_theta=DROP, rms_norm_eps=1e-06, max_position_embeddings=131072, attention_bias=False,
                 rope_parameters={"full_attention": {"rope_type": "yarn", "rope_theta": 500000.0, "partial_rotary_factor": 0.5, "factor": 32.0, "original_max_position_embeddings": 4096, "beta_fast": 64.0, "beta_slow": 1.0, "attention_factor": 1.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 1.0}})
    t = [("model.embed_tokens.weight", [n, E], "w")]
    for i in range(NL):
        q = "model.layers.%d." % i
        t += [(q + "input_layernorm.weight", [E], "norm"), (q + "post_attention_layernorm.weight", [E], "norm")] + attn(q + "self_attn.", h=heads[i], qk_norm=HD) + [(q + "self_attn.g_proj.weight", [heads[i], E], "w")]
        t += mlp(q + "mlp.") if i == 0 else moe_layer(q, X, FX, shared=48) + [(q + "mlp.experts.e_score_correction_bias", [X], "w", "F32")]
    t += [("model.norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    return Case("laguna", "Laguna-XS.2", c, t, f, "qwen2", shards=2, note="head count per layer, attention gate, eot from the eos list, template file overrides, </assistant> made CONTROL")


def lfm2vl():
    f, ids, n = lfm2_tok()
    lt = ["conv", "full_attention"]
    tc = {"model_type": "lfm2", "architectures": ["Lfm2ForCausalLM"], "block_auto_adjust_ff_dim": True, "block_dim": E, "block_ff_dim": 96, "block_ffn_dim_multiplier": 1.0, "block_multiple_of": 16, "conv_L_cache": 3, "conv_bias": False, "hidden_size": E, "layer_types": lt, "max_position_embeddings": 128000, "norm_eps": 1e-05,
          "num_attention_heads": H, "num_hidden_layers": 2, "num_key_value_heads": KV, "rope_theta": 1000000.0, "vocab_size": n, "eos_token_id": ids["<|im_end|>"]}
    c = {"architectures": ["Lfm2VlForConditionalGeneration"], "model_type": "lfm2_vl", "do_image_splitting": True, "downsample_factor": 2, "encoder_patch_size": 16, "image_token_id": 3, "projector_bias": True, "projector_hidden_act": "gelu", "projector_hidden_size": 96, "text_config": tc, "torch_dtype": "bfloat16", "vision_feature_layer": -1,
         "vision_config": {"model_type": "siglip2_vision_model", "hidden_act": "gelu_pytorch_tanh", "hidden_size": 32, "intermediate_size": 48, "layer_norm_eps": 1e-06, "num_attention_heads": 2, "num_channels": 3, "num_hidden_layers": 3, "num_patches": 16, "patch_size": 16, "vision_use_head": False}}
    m = "model.language_model."
    t = [(m + "embed_tokens.weight", [n, E], "w"), (m + "embedding_norm.weight", [E], "norm")]
    for i, x in enumerate(lt):
        t += lfm2_layer(m + "layers.%d." % i, x == "conv") + w123(m + "layers.%d.feed_forward." % i, 64)
    t += siglip("model.vision_tower.vision_model.", layers=3)[1:] + [("model.vision_tower.vision_model.embeddings.patch_embedding.weight", [32, 768], "w")]
    p = "model.multi_modal_projector."
    t += ln(p + "layer_norm", 128) + linear_bias(p + "linear_1", 96, 128) + linear_bias(p + "linear_2", E, 96)
    f["preprocessor_config.json"] = dict(PREP, resample=2)
    k = Case("lfm2vl", "LFM2-VL-450M", c, t, f, "llama-bpe", note="text part and mmproj of one directory")
    k.outtypes = ("f16", "bf16") + MM
    return k


def glm4v():
    f, ids, n = hc.glm_tok()
    tc = {"model_type": "glm4v_text", "attention_bias": True, "eos_token_id": [ids["<|endoftext|>"], ids["<|user|>"]], "hidden_size": E, "intermediate_size": FF, "max_position_embeddings": 65536, "num_attention_heads": H, "num_hidden_layers": L, "num_key_value_heads": KV, "pad_token_id": ids["<|endoftext|>"], "partial_rotary_factor": 0.5, "rms_norm_eps": 1e-05,
          "rope_scaling": {"rope_type": "default", "mrope_section": [2, 3, 3]}, "rope_theta": 10000.0, "vocab_size": n}
    c = {"architectures": ["Glm4vForConditionalGeneration"], "model_type": "glm4v", "image_token_id": 3, "text_config": tc, "tie_word_embeddings": False,
         "vision_config": {"model_type": "glm4v", "depth": 2, "hidden_size": 32, "hidden_act": "silu", "image_size": 56, "in_channels": 3, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": E, "patch_size": 14, "rms_norm_eps": 1e-05, "spatial_merge_size": 2, "temporal_patch_size": 2, "attention_bias": False}}
    m = "model.language_model."
    t = [(m + "embed_tokens.weight", [n, E], "w"), (m + "norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    for i in range(L):
        q = m + "layers.%d." % i
        t += [(q + x + ".weight", [E], "norm") for x in ("input_layernorm", "post_attention_layernorm", "post_self_attn_layernorm", "post_mlp_layernorm")]
        t += attn(q + "self_attn.", bias="qkv") + [(q + "mlp.gate_up_proj.weight", [2 * FF, E], "w"), (q + "mlp.down_proj.weight", [E, FF], "w")]
    v = "model.visual."
    t += [(v + "patch_embed.proj.weight", [32, 3, 2, 14, 14], "w"), (v + "patch_embed.proj.bias", [32], "w"), (v + "embeddings.position_embedding.weight", [16, 32], "w"), (v + "post_conv_layernorm.weight", [32], "norm"), (v + "post_layernorm.weight", [32], "norm")] + [(v + "downsample.weight", [E, 32, 2, 2], "w"), (v + "downsample.bias", [E], "w")]
    for i in range(2):
        q = v + "blocks.%d." % i
        t += [(q + "norm1.weight", [32], "norm"), (q + "norm2.weight", [32], "norm"), (q + "attn.qkv.weight", [96, 32], "w"), (q + "attn.proj.weight", [32, 32], "w"), (q + "mlp.gate_proj.weight", [E, 32], "w"), (q + "mlp.up_proj.weight", [E, 32], "w"), (q + "mlp.down_proj.weight", [32, E], "w")]
    t += [(v + "merger.proj.weight", [E, E], "w"), (v + "merger.gate_proj.weight", [48, E], "w"), (v + "merger.up_proj.weight", [48, E], "w"), (v + "merger.down_proj.weight", [E, 48], "w")] + ln(v + "merger.post_projection_norm", E)
    f["preprocessor_config.json"] = PREP
    k = Case("glm4v", "GLM-4.1V-9B-Thinking", c, t, f, "glm4", note="text part with mrope: q and k rows permuted the other way; mmproj glm4v")
    k.outtypes = ("f16", "bf16", "f32", "mmproj-f16", "mmproj-bf16", "mmproj-q8_0")
    return k


def internvl():
    f, ids, n = qwen_tok()
    lc = base_cfg("Qwen2ForCausalLM", "qwen2", n, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], rope_theta=1000000.0, rms_norm_eps=1e-06, max_position_embeddings=32768)
    c = {"architectures": ["InternVLChatModel"], "model_type": "internvl_chat", "auto_map": {"AutoConfig": "configuration_internvl_chat.InternVLChatConfig"}, "downsample_ratio": 0.5, "dynamic_image_size": True, "force_image_size": 448, "llm_config": lc, "max_dynamic_patch": 12, "min_dynamic_patch": 1, "ps_version": "v2", "select_layer": -1,
         "template": "internvl2_5", "torch_dtype": "bfloat16", "use_thumbnail": True,
         "vision_config": {"architectures": ["InternVisionModel"], "model_type": "intern_vit_6b", "hidden_act": "gelu", "hidden_size": 32, "image_size": 448, "intermediate_size": 48, "layer_norm_eps": 1e-06, "norm_type": "layer_norm", "num_attention_heads": 2, "num_channels": 3, "num_hidden_layers": 4, "patch_size": 14, "qk_normalization": False, "qkv_bias": True}}
    t = dense(n, bias="qkv", pre="language_model.model.", head="language_model.lm_head.weight")
    v = "vision_model."
    t += [(v + "embeddings.class_embedding", [1, 1, 32], "w"), (v + "embeddings.position_embedding", [1, 17, 32], "w"), (v + "embeddings.patch_embedding.weight", [32, 3, 14, 14], "w"), (v + "embeddings.patch_embedding.bias", [32], "w")]
    for i in range(4):
        q = v + "encoder.layers.%d." % i
        t += ln(q + "norm1", 32) + ln(q + "norm2", 32) + linear_bias(q + "attn.qkv", 96, 32) + linear_bias(q + "attn.proj", 32, 32) + linear_bias(q + "mlp.fc1", 48, 32) + linear_bias(q + "mlp.fc2", 32, 48) + [(q + "ls1", [32], "pos"), (q + "ls2", [32], "pos")]
    t += ln("mlp1.0", 128) + linear_bias("mlp1.1", E, 128) + linear_bias("mlp1.3", E, E)
    f["preprocessor_config.json"] = PREP
    k = Case("internvl", "InternVL3-1B", c, t, f, "qwen2", note="remote-code config: llm_config, architecture of the sub-configurations; mmproj")
    k.outtypes = ("f16", "bf16", "mmproj-f16", "mmproj-bf16", "mmproj-q8_0")
    return k


def nemotronh_raw():
    k = nemotronh()
    c = dict(k.config, model_type="nemotron_h_raw")
    k = Case("nemotronh_raw", k.dirname, c, k.tensors, k.files, k.pre, note="dense Nemotron-H as the oracle writes it when the config class is unknown: the usable form")
    k.outtypes = ("f16", "bf16")
    return k


def named_absent():
    """Named special tokens that the vocabulary lacks are appended by transformers."""
    f, ids, n = qwen_tok(image_token="<|img|>", zz_token="<zz>", mask_token="<|m|>", additional_special_tokens=["<|lost|>"], extra_special_tokens=["<x>", "<|im_start|>"])
    v = n + 8
    c = base_cfg("Qwen2ForCausalLM", "qwen2", v, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], rope_theta=1000000.0, tie_word_embeddings=True)
    k = Case("named_absent", "Named-Absent", c, dense(v, tied=True, bias="qkv"), f, "qwen2", note="tokens named in tokenizer_config.json but absent from tokenizer.json take the next ids")
    k.outtypes = ("f16",)
    return k


ALL = [gemma3n, gemma4_e2b, gemma4_moe, embgemma, qwen3next, qwen35moe, qwen25vl, qwen3vlmoe, qwen3_embed, llama4, lfm2, lfm2moe, granitehybrid, granite4_dense, nemotronh, nemotronh_moe, exaone4,
       ernie45moe, hunyuan, minimaxm2, phi2, falcon, falconh1, internlm2, xlmr, xlmr_rerank, modernbert, t5enc, kimi_k2_int4, glm47flash, apertus, qwen35_nomtp, glm5, kimi_k25, t5,
       q8_odd, mm_gemma3, mm_qwen25vl, mm_qwen3vl, mm_mistral3, mm_pixtral, mm_gemma4, mm_llama4, laguna, lfm2vl, glm4v, internvl, nemotronh_raw, named_absent, deepseek32, qwen3_rerank, qwen3_rerank_card, qwen3_rerank_path, qwen3vl_rerank, mm_smolvlm, mm_idefics3, mm_qwen2vl, llava]
