"""Further cases: the entries of the table that cases.py and cases2.py leave out, and turns that configurations of real models take."""
import cases as hc
import cases2 as h2
from hfgen import Case, bpe_files, spm_model, spm_pieces, template_post

DROP, E, FF, H, HD, KV, L = hc.DROP, hc.E, hc.FF, hc.H, hc.HD, hc.KV, hc.L
attn, base_cfg, dense, mlp, moe_layer, qwen_tok = hc.attn, hc.base_cfg, hc.dense, hc.mlp, hc.moe_layer, hc.qwen_tok
BLOCK_NORMS = ("input_layernorm", "post_attention_layernorm")


def norms(q, names=BLOCK_NORMS, bias=False):
    return [(q + n + ".weight", [E], "norm") for n in names] + ([(q + n + ".bias", [E], "w") for n in names] if bias else [])


# ---------------------------------------------------------------- decoders

def stablelm():
    f, ids, n = bpe_files("gpt-2", [("<|endoftext|>", True, False), ("<|fim_prefix|>", True, False), ("<|pad|>", True, False), ("<|im_start|>", True, False), ("<|im_end|>", True, False)], None, pair_merges=False, tok_class="GPT2Tokenizer",
                          cfg={"add_prefix_space": False, "bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "unk_token": "<|endoftext|>"})
    v = n + 4
    c = base_cfg("StableLmForCausalLM", "stablelm", v, rms_norm_eps=DROP, layer_norm_eps=1e-05, partial_rotary_factor=0.25, use_qkv_bias=True, use_parallel_residual=False, qk_layernorm=False, num_key_value_heads=H, hidden_dropout=0.0,
                 bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|endoftext|>"], max_position_embeddings=4096)
    t = [("model.embed_tokens.weight", [v, E], "w"), ("model.norm.weight", [E], "norm"), ("model.norm.bias", [E], "w"), ("lm_head.weight", [v, E], "w")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += norms(q, bias=True) + attn(q + "self_attn.", kv=H, bias="qkv") + mlp(q + "mlp.")
    return Case("stablelm", "stablelm-2-1_6b-chat", c, t, f, "gpt-2", note="rope on a quarter of a head, biases, layer norms")


def seed_oss():
    sp = [("<seed:bos>", True, False), ("<seed:pad>", True, False), ("<seed:eos>", True, False), ("<seed:think>", False, False), ("</seed:think>", False, False), ("<seed:tool_call>", False, False)]
    f, ids, n = bpe_files("gpt-4o", sp, lambda i: {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {}}, special_first=True,
                          cfg={"add_bos_token": False, "add_eos_token": False, "bos_token": "<seed:bos>", "eos_token": "<seed:eos>", "pad_token": "<seed:pad>"})
    f["chat_template.jinja"] = "{{ messages }}\n"
    f["generation_config.json"] = {"_from_model_config": True, "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1, "transformers_version": "4.55.0", "temperature": 1.1, "top_p": 0.95}
    c = base_cfg("SeedOssForCausalLM", "seed_oss", n, head_dim=32, attention_bias=True, attention_out_bias=False, mlp_bias=False, residual_dropout=0.1, rms_norm_eps=1e-06, rope_scaling={"rope_type": "default"}, rope_theta=10000000.0, max_position_embeddings=524288,
                 bos_token_id=0, eos_token_id=2, pad_token_id=1, pretraining_tp=1)
    return Case("seed_oss", "Seed-OSS-36B-Instruct", c, dense(n, hd=32, bias="qkv"), f, "gpt-4o", shards=2, note="head_dim, biases, a template that adds nothing, chat_template.jinja with a line's end")


def command_tok():
    sp = [("<PAD>", True, False), ("<UNK>", True, False), ("<CLS>", True, False), ("<SEP>", True, False), ("<MASK_TOKEN>", True, False), ("<BOS_TOKEN>", True, False), ("<EOS_TOKEN>", True, False), ("<|START_OF_TURN_TOKEN|>", True, False), ("<|END_OF_TURN_TOKEN|>", True, False)]
    return bpe_files("command-r", sp, lambda i: template_post("<BOS_TOKEN>", None, i), pair_merges=False, special_first=True, normalizer={"type": "NFC"}, tok_class="CohereTokenizer",
                     cfg={"add_bos_token": True, "add_eos_token": False, "add_prefix_space": False, "bos_token": "<BOS_TOKEN>", "eos_token": "<|END_OF_TURN_TOKEN|>", "pad_token": "<PAD>", "unk_token": None,
                          "chat_template": [{"name": "default", "template": "{{ bos_token }}D"}, {"name": "tool_use", "template": "{{ bos_token }}T"}]})


def cohere2():
    f, ids, n = command_tok()
    v = n + 7
    c = base_cfg("Cohere2ForCausalLM", "cohere2", v, num_hidden_layers=4, head_dim=HD, attention_bias=False, layer_norm_eps=1e-05, rms_norm_eps=DROP, logit_scale=0.25, sliding_window=4096, sliding_window_pattern=4, layer_switch=4, order_of_interleaved_layers="local_attn_first",
                 position_embedding_type="rope_gptj", rotary_pct=1.0, rope_scaling=None, rope_theta=50000, use_embedding_sharing=True, use_gated_activation=True, use_parallel_block=True, use_parallel_embedding=True, cache_implementation="hybrid", tie_word_embeddings=DROP,
                 bos_token_id=5, eos_token_id=ids["<|END_OF_TURN_TOKEN|>"], pad_token_id=0, max_position_embeddings=8192)
    t = [x for x in dense(v, layers=4, tied=True, norms=("input_layernorm",))]
    return Case("cohere2", "c4ai-command-r7b-12-2024", c, t, f, "command-r", "F16", shards=2, note="one norm a block, sliding window, no rope scaling, named templates")


def olmoe():
    sp = [("<|padding|>", True, False), ("<|endoftext|>", True, False), ("|||IP_ADDRESS|||", False, True)]
    f, ids, n = bpe_files("olmo", sp, None, pair_merges=False, tok_class="GPTNeoXTokenizer", cfg={"add_bos_token": False, "add_eos_token": False, "add_prefix_space": False, "bos_token": None, "eos_token": "<|endoftext|>", "pad_token": "<|padding|>", "unk_token": None})
    X, FX = 4, 32
    v = n + 5
    c = base_cfg("OlmoeForCausalLM", "olmoe", v, intermediate_size=FX, num_experts=X, num_experts_per_tok=2, num_key_value_heads=H, norm_topk_prob=False, clip_qkv=None, attention_bias=False, output_router_logits=False, router_aux_loss_coef=0.01, rope_scaling=None,
                 eos_token_id=ids["<|endoftext|>"], pad_token_id=ids["<|padding|>"], max_position_embeddings=4096)
    t = [("model.embed_tokens.weight", [v, E], "w"), ("model.norm.weight", [E], "norm"), ("lm_head.weight", [v, E], "w")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += norms(q) + attn(q + "self_attn.", kv=H, qk_norm=E) + moe_layer(q, X, FX)
    return Case("olmoe", "OLMoE-1B-7B-0924-Instruct", c, t, f, "olmo", shards=3, note="experts in every block, norms on all of q and k")


def ernie45():
    f, v = h2.ernie_tok()
    c = base_cfg("Ernie4_5ForCausalLM", "ernie4_5", v, head_dim=32, use_bias=False, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=0, rope_theta=500000.0, max_position_embeddings=131072)
    return Case("ernie45", "ERNIE-4.5-0.3B-PT", c, dense(v, tied=True, hd=32), f, None, note="dense Ernie 4.5")


def ernie45_fused():
    f, v = h2.ernie_tok()
    c = base_cfg("Ernie4_5_ForCausalLM", "ernie4_5", v, head_dim=32, use_bias=True, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2, pad_token_id=0, rope_theta=500000.0, max_position_embeddings=131072)
    t = [("ernie.embed_tokens.weight", [v, E], "w"), ("ernie.norm.weight", [E], "norm"), ("lm_head.weight", [v, E], "w")]
    for i in range(L):
        q = "ernie.layers.%d." % i
        t += norms(q) + [(q + "self_attn.qkv_proj.weight", [(H + 2 * KV) * 32, E], "w"), (q + "self_attn.o_proj.weight", [E, H * 32], "w"), (q + "mlp.up_gate_proj.weight", [2 * FF, E], "w"), (q + "mlp.down_proj.weight", [E, FF], "w")]
    return Case("ernie45_fused", "ERNIE-4.5-0.3B-Paddle", c, t, f, None, "F16", note="the first names of the class: q, k and v in one tensor, gate and up in another")


def bailing_cfg(n, **kw):
    return base_cfg("BailingMoeV2ForCausalLM", "bailing_moe", n, num_hidden_layers=3, head_dim=HD, num_experts=4, num_experts_per_tok=2, num_shared_experts=1, moe_intermediate_size=32, moe_shared_expert_intermediate_size=32, first_k_dense_replace=1, n_group=2, topk_group=1,
                    norm_topk_prob=True, routed_scaling_factor=2.5, score_function="sigmoid", moe_router_enable_expert_bias=True, moe_router_enable_routed_scaling=True, use_qk_norm=True, use_qkv_bias=False, use_bias=False, use_rmsnorm=True, partial_rotary_factor=0.5,
                    router_dtype="fp32", num_nextn_predict_layers=0, rope_scaling=None, rope_theta=600000, max_position_embeddings=32768, rms_norm_eps=1e-06, embedding_dropout=0.0, auto_map={"AutoConfig": "configuration_bailing_moe_v2.BailingMoeV2Config"}, **kw)


def bailing_layer(q, dense_ff, v=0):
    t = norms(q) + [(q + "attention.query_key_value.weight", [(H + 2 * KV) * HD, E], "w"), (q + "attention.dense.weight", [E, H * HD], "w"), (q + "attention.query_layernorm.weight", [HD], "norm"), (q + "attention.key_layernorm.weight", [HD], "norm")]
    if dense_ff:
        return t + mlp(q + "mlp.")
    return t + moe_layer(q, 4, 32) + mlp(q + "mlp.shared_experts.", ff=32) + [(q + "mlp.gate.expert_bias", [4], "w", "F32")]


def bailing_tok():
    sp = [("<|startoftext|>", True, False), ("<|endoftext|>", True, False), ("[CLS]", True, False), ("[gMASK]", True, False), ("<role>", False, False), ("</role>", False, False), ("<|role_end|>", True, False)]
    return bpe_files("llama-bpe", sp, None, tok_class="PreTrainedTokenizerFast", cfg={"add_bos_token": False, "add_eos_token": False, "bos_token": "<|startoftext|>", "cls_token": "[CLS]", "eos_token": "<|role_end|>", "gmask_token": "[gMASK]", "pad_token": "<|endoftext|>",
                                                                                    "fast_tokenizer": True, "merges_file": None, "trust_remote_code": True, "chat_template": "{{ messages }}"})


def bailingmoe2():
    f, ids, n = bailing_tok()
    v = n + 3
    c = bailing_cfg(v, eos_token_id=ids["<|role_end|>"], pad_token_id=ids["<|endoftext|>"])
    t = [("model.word_embeddings.weight", [v, E], "w"), ("model.norm.weight", [E], "norm"), ("lm_head.weight", [v, E], "w")]
    for i in range(3):
        t += bailing_layer("model.layers.%d." % i, i == 0)
    return Case("bailingmoe2", "Ling-mini-2.0", c, t, f, "llama-bpe", shards=2, note="class unknown to transformers; q, k and v stay in one tensor; expert bias; a token named gmask_token")


def bailingmoe2_mtp():
    f, ids, n = bailing_tok()
    c = bailing_cfg(n, eos_token_id=ids["<|role_end|>"], pad_token_id=ids["<|endoftext|>"])
    c["num_nextn_predict_layers"] = 1
    del c["partial_rotary_factor"], c["moe_shared_expert_intermediate_size"], c["head_dim"]
    c["norm_topk_prob"] = False
    t = [("model.word_embeddings.weight", [n, E], "w"), ("model.norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    for i in range(4):
        t += bailing_layer("model.layers.%d." % i, i == 0)
    q = "model.layers.3."
    t += [(q + "eh_proj.weight", [E, 2 * E], "w"), (q + "enorm.weight", [E], "norm"), (q + "hnorm.weight", [E], "norm"), (q + "final_layernorm.weight", [E], "norm")]
    return Case("bailingmoe2_mtp", "Ring-flash-2.0", c, t, f, "llama-bpe", "F32", note="with a layer that predicts the next token; values that are left out")


# ----------------------------------------------------------------- Mistral

YARN3 = {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 16.0, "llama_4_scaling_beta": 0.1, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 16384, "rope_theta": 1000000.0, "rope_type": "yarn", "type": "yarn"}


def tekken_tok():
    sp = [("<unk>", True, False), ("<s>", True, False), ("</s>", True, False), ("[INST]", True, False), ("[/INST]", True, False), ("[IMG]", True, False), ("[IMG_BREAK]", True, False), ("<pad>", True, False)]
    return bpe_files("tekken", sp, lambda i: template_post("<s>", None, i), special_first=True, tok_class="TokenizersBackend",
                     cfg={"add_prefix_space": None, "backend": "tokenizers", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "extra_special_tokens": ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]})


def ministral3():
    f, ids, n = tekken_tok()
    f["chat_template.jinja"] = "{{ bos_token }}{{ messages }}"
    c = base_cfg("Ministral3ForCausalLM", "ministral3", n, head_dim=32, rope_theta=DROP, rope_parameters=YARN3, sliding_window=None, bos_token_id=1, eos_token_id=2, pad_token_id=7, max_position_embeddings=262144, tie_word_embeddings=True, attention_dropout=0.0, torch_dtype=DROP, dtype="bfloat16")
    return Case("ministral3", "Ministral-3-3B-Text", c, dense(n, tied=True, hd=32), f, "tekken", note="yarn with the temperature of Llama 4")


def mistral3():
    f, ids, n = tekken_tok()
    tc = base_cfg("MistralForCausalLM", "ministral3", n, architectures=DROP, head_dim=32, rope_theta=DROP, rope_parameters=YARN3, sliding_window=None, max_position_embeddings=262144)
    c = {"architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3", "image_token_index": 5, "multimodal_projector_bias": False, "projector_hidden_act": "gelu", "spatial_merge_size": 2, "text_config": tc, "vision_config": h2.PIXTRAL_VC, "vision_feature_layer": -1, "dtype": "bfloat16"}
    t = dense(n, hd=32, pre="language_model.model.", head="language_model.lm_head.weight") + h2.pixtral_vision("vision_tower.") + [("multi_modal_projector.norm.weight", [32], "norm"), ("multi_modal_projector.linear_1.weight", [E, 32], "w")]
    return Case("mistral3", "Ministral-3-8B-Instruct-2512", c, t, f, "tekken", shards=2, note="the text part of an image model, with the ministral3 configuration")


def mistral31():
    f, ids, n = tekken_tok()
    c = {"architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3", "image_token_index": 5, "spatial_merge_size": 2, "text_config": dict(h2.MISTRAL_TC, vocab_size=n, num_hidden_layers=L), "vision_config": h2.PIXTRAL_VC, "vision_feature_layer": -1, "torch_dtype": "bfloat16"}
    t = dense(n, hd=32, pre="language_model.model.", head="language_model.lm_head.weight")
    return Case("mistral31", "Mistral-Small-3.1-24B-Instruct-2503", c, t, f, "tekken", note="the text part of an image model, with the mistral configuration")


def mistral4():
    f, ids, n = tekken_tok()
    X, FX = 4, 32
    rope = {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 128.0, "llama_4_scaling_beta": 0.1, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 8192, "partial_rotary_factor": 0.5, "rope_theta": 10000.0, "rope_type": "yarn", "type": "yarn"}
    tc = {"model_type": "mistral4", "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 7, "first_k_dense_replace": 0, "head_dim": 16, "hidden_act": "silu", "hidden_size": E, "intermediate_size": FF, "kv_lora_rank": 32,
          "max_position_embeddings": 1048576, "mlp_bias": False, "moe_intermediate_size": FX, "n_group": 1, "n_routed_experts": X, "n_shared_experts": 1, "norm_topk_prob": True, "num_attention_heads": H, "num_experts_per_tok": 2, "num_hidden_layers": L, "num_key_value_heads": H, "q_lora_rank": 48,
          "qk_head_dim": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "rms_norm_eps": 1e-06, "rope_interleave": True, "rope_parameters": rope, "routed_scaling_factor": 1.0, "sliding_window": None, "tie_word_embeddings": False, "topk_group": 1, "use_cache": True, "v_head_dim": 16, "vocab_size": n}
    c = {"architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3", "image_token_index": 5, "multimodal_projector_bias": False, "projector_hidden_act": "gelu", "spatial_merge_size": 2, "text_config": tc, "vision_config": h2.PIXTRAL_VC, "vision_feature_layer": -1, "dtype": "bfloat16"}
    m = "language_model.model."
    t = [(m + "embed_tokens.weight", [n, E], "w"), (m + "norm.weight", [E], "norm"), ("language_model.lm_head.weight", [n, E], "w"), ("multi_modal_projector.norm.weight", [32], "norm")]
    for i in range(L):
        q = m + "layers.%d." % i
        t += norms(q) + hc.mla_layer(q, H, 8, 8, 16, 32, 48) + [(q + "mlp.gate.weight", [X, E], "w"), (q + "mlp.experts.gate_up_proj", [X, 2 * FX, E], "w"), (q + "mlp.experts.down_proj", [X, E, FX], "w")] + mlp(q + "mlp.shared_experts.", ff=FX)
    return Case("mistral4", "Mistral-Small-4-119B-2603", c, t, f, "tekken", shards=2, note="MLA; experts arrive stacked, gate and up stay one tensor")


# -------------------------------------------------------------- embeddings

def roberta_tok():
    sp = [("<s>", True, False), ("<pad>", True, False), ("</s>", True, False), ("<unk>", True, False), ("<mask>", True, False)]
    return bpe_files("gpt-2", sp, lambda i: {"type": "RobertaProcessing", "sep": ["</s>", i["</s>"]], "cls": ["<s>", i["<s>"]], "trim_offsets": True, "add_prefix_space": False}, pair_merges=False, special_first=True,
                     cfg={"add_prefix_space": False, "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "mask_token": "<mask>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>"})


def roberta():
    f, ids, n = roberta_tok()
    h2.pooling(f, "mean")
    c = h2.xlmr_cfg("RobertaModel", n, model_type="roberta")
    t = h2.bert_embed("", n, 66) + h2.bert_layers("") + h2.linear_bias("pooler.dense", E, E)
    t.append(("embeddings.position_ids", [1, 66], b"".join(i.to_bytes(8, "little") for i in range(66)), "I64"))
    return Case("roberta", "all-distilroberta-v1", c, t, f, "gpt-2", "F32", note="byte level BPE in a bert: its own post-processor, rows of positions cut")


def roberta_labels():
    f, ids, n = roberta_tok()
    c = h2.xlmr_cfg("RobertaForSequenceClassification", n, model_type="roberta", id2label={"0": "sad", "10": "odd", "2": "glad"}, label2id={"sad": 0, "odd": 10, "glad": 2})
    t = h2.bert_embed("roberta.", n, 66) + h2.bert_layers("roberta.") + h2.linear_bias("classifier.dense", E, E) + h2.linear_bias("classifier.out_proj", 3, E)
    return Case("roberta_labels", "emotion-roberta", c, t, f, "gpt-2", "F32", note="a classifier, labels by number")


# ------------------------------------------- other classes of known entries

def olmo3():
    sp = [("<|endoftext|>", True, False), ("<|pad|>", True, False), ("<|im_start|>", True, False)]
    f, ids, n = bpe_files("llama-bpe", sp, None, tok_class="GPT2Tokenizer", cfg={"eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|pad|>", "add_prefix_space": False})
    c = base_cfg("Olmo3ForCausalLM", "olmo3", n, num_hidden_layers=4, num_key_value_heads=H, eos_token_id=ids["<|endoftext|>"], pad_token_id=ids["<|pad|>"], rope_theta=500000, rms_norm_eps=1e-06, max_position_embeddings=65536, sliding_window=4096,
                 layer_types=["sliding_attention"] * 3 + ["full_attention"], rope_scaling={"attention_factor": 1.2079441541679836, "beta_fast": 32, "beta_slow": 1, "factor": 8.0, "original_max_position_embeddings": 8192, "rope_type": "yarn"})
    t = dense(n, layers=4, kv=H, qk_norm=E, norms=("post_attention_layernorm", "post_feedforward_layernorm"))
    return Case("olmo3", "Olmo-3-7B-Instruct", c, t, f, "llama-bpe", shards=2, note="sliding window pattern, yarn with an attention factor")


def gemma3n_text():
    k = h2.gemma3n()
    c = dict(k.config["text_config"], architectures=["Gemma3nForCausalLM"], torch_dtype="bfloat16")
    t = [(x[0].replace("model.language_model.", "model."),) + tuple(x[1:]) for x in k.tensors if x[0].startswith("model.language_model.")]
    return Case("gemma3n_text", "gemma-3n-E2B-text", c, t, k.files, None, note="the text model alone")


def gemma4_text():
    k = h2.gemma4_e2b()
    c = dict(k.config["text_config"], architectures=["Gemma4ForCausalLM"], dtype="bfloat16")
    t = [(x[0].replace("model.language_model.", "model."),) + tuple(x[1:]) for x in k.tensors if x[0].startswith("model.language_model.")]
    return Case("gemma4_text", "gemma-4-E2B-text", c, t, k.files, None, note="the text model alone")


def llama4_text():
    k = h2.llama4()
    c = dict(k.config["text_config"], architectures=["Llama4ForCausalLM"], torch_dtype="bfloat16")
    t = [(x[0].replace("language_model.", ""),) + tuple(x[1:]) for x in k.tensors if x[0].startswith("language_model.")]
    return Case("llama4_text", "Llama-4-Text", c, t, k.files, "gpt-4o", shards=2, note="the text model alone")


def llama_model():
    p = spm_pieces()
    f = {"tokenizer.model": spm_model(p), "tokenizer_config.json": {"add_bos_token": True, "add_eos_token": True, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>", "tokenizer_class": "LlamaTokenizer"}}
    h2.pooling(f, "mean")
    c = base_cfg("LlamaModel", "llama", len(p), bos_token_id=1, eos_token_id=2)
    t = [x for x in dense(len(p), tied=True, pre="")]
    return Case("llama_model", "e5-mistral-7b", c, t, f, None, "F16", note="names without model., an end token that is added")


def granitemoe():
    f, ids, n = h2.granite_tok()
    c = base_cfg("GraniteMoeForCausalLM", "granitemoe", n, num_local_experts=4, num_experts_per_tok=2, intermediate_size=32, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0, pad_token_id=0, rope_theta=1500000.0, attention_bias=False, **h2.GMUL)
    t = [("model.embed_tokens.weight", [n, E], "w"), ("model.norm.weight", [E], "norm")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += norms(q) + attn(q + "self_attn.") + h2.gmoe(q, 4, 32)
    return Case("granitemoe", "granite-3.1-1b-a400m-instruct", c, t, f, "refact", note="experts stored stacked, gate above up")


def granitemoe_shared():
    f, ids, n = h2.granite_tok()
    c = base_cfg("GraniteMoeSharedForCausalLM", "granitemoeshared", n, num_local_experts=4, num_experts_per_tok=2, intermediate_size=32, shared_intermediate_size=48, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0, pad_token_id=0, rope_theta=10000.0, **h2.GMUL)
    t = [("model.embed_tokens.weight", [n, E], "w"), ("model.norm.weight", [E], "norm")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += norms(q) + attn(q + "self_attn.") + h2.gmoe(q, 4, 32, 48)
    return Case("granitemoe_shared", "moe-7b-1b-active-shared-experts", c, t, f, "refact", note="with a shared expert")


def granite4_moe():
    f, ids, n = h2.granite_tok()
    c = base_cfg("GraniteMoeHybridForCausalLM", "granitemoehybrid", n, num_local_experts=4, num_experts_per_tok=2, intermediate_size=32, shared_intermediate_size=48, tie_word_embeddings=True, bos_token_id=0, eos_token_id=0, pad_token_id=3, layer_types=["attention"] * L,
                 mamba_chunk_size=256, mamba_conv_bias=True, mamba_d_conv=4, mamba_d_head=16, mamba_d_state=16, mamba_expand=2, mamba_n_groups=1, mamba_n_heads=8, mamba_proj_bias=False, position_embedding_type="rope", **h2.GMUL)
    t = [("model.embed_tokens.weight", [n, E], "w"), ("model.norm.weight", [E], "norm")]
    for i in range(L):
        q = "model.layers.%d." % i
        t += norms(q) + h2.gmoe(q, 4, 32, 48) + attn(q + "self_attn.")
    return Case("granite4_moe", "granite-4.0-moe", c, t, f, "refact", note="the hybrid class with experts and without mamba layers")


def qwen2vl():
    f, ids, n = qwen_tok()
    c = base_cfg("Qwen2VLForConditionalGeneration", "qwen2_vl", n, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], rope_theta=1000000.0, rope_scaling={"mrope_section": [16, 24, 24], "type": "mrope"}, max_position_embeddings=32768, rms_norm_eps=1e-06,
                 image_token_id=3, use_sliding_window=False, sliding_window=32768, vision_config={"depth": 1, "embed_dim": 32, "mlp_ratio": 4, "num_heads": 2, "hidden_size": E, "patch_size": 14})
    t = dense(n, bias="qkv") + [("visual.blocks.0.attn.proj.weight", [32, 32], "w"), ("visual.merger.mlp.0.weight", [32, 32], "w")]
    return Case("qwen2vl", "Qwen2-VL-7B-Instruct", c, t, f, "qwen2", note="the text part of the older class")


def qwen3vl():
    f, ids, n = qwen_tok()
    k = h2.mm_qwen3vl()
    c = dict(k.config, text_config=dict(k.config["text_config"], vocab_size=n, num_hidden_layers=L))
    t = dense(n, tied=True, hd=32, qk_norm=32, pre="model.language_model.") + h2.qwen3vl_vision("model.visual.", pos=64)
    return Case("qwen3vl", "Qwen3-VL-2B-Instruct", c, t, f, "qwen2", shards=2, note="text part: number of deepstack layers, mrope sections")


def qwen35moe_text():
    k = h2.qwen35moe()
    c = dict(k.config["text_config"], architectures=["Qwen3_5MoeForCausalLM"], dtype="bfloat16")
    t = [(x[0].replace("model.language_model.", "model."),) + tuple(x[1:]) for x in k.tensors if "visual" not in x[0]]
    return Case("qwen35moe_text", "Qwen3.5-MoE-Text", c, t, k.files, "qwen35", note="the text model alone")


# ------------------------------------------------- what files say differently

def rope_yarn_bare():
    f, ids, n = qwen_tok()
    c = base_cfg("Qwen3ForCausalLM", "qwen3", n, head_dim=32, rope_theta=DROP, rope_scaling={"type": "yarn", "factor": 4.0}, rope_parameters={"rope_type": "default", "rope_theta": 5000000.0}, max_position_embeddings=40960, tie_word_embeddings=True)
    return Case("rope_yarn_bare", "Qwen3-4B-yarn", c, dense(n, tied=True, hd=32, qk_norm=32), f, "qwen2", note="rope_scaling beside rope_parameters; yarn that does not say from which context")


def gemma3_rope():
    f, n = hc.gemma_spm()
    c = base_cfg("Gemma3ForCausalLM", "gemma3_text", n, head_dim=32, rope_theta=DROP, rope_scaling={"type": "linear", "factor": 4.0}, sliding_window=512, num_hidden_layers=7, tie_word_embeddings=DROP, rms_norm_eps=1e-06)
    return Case("gemma3_rope", "gemma-3-1b-rope", c, dense(n, layers=7, tied=True, hd=32, norm="gnorm", norms=hc.GEMMA2_NORMS, qk_norm=32), f, None, note="a scaling under the older name of its type, which this class passes over")


def tokens_differ():
    """What tokenizer_config.json says of tokens is not what tokenizer.json says."""
    f, ids, n = bpe_files("llama-bpe", [("<|begin|>", True, False), ("<tool>", False, False), ("<end>", False, True), ("<|x|>", True, False)], None, cfg={"bos_token": "<|begin|>", "eos_token": "<end>", "pad_token": "ing", "mask_token": "\u0120t"})
    d = f["tokenizer_config.json"]["added_tokens_decoder"]
    d[str(ids["<tool>"])]["special"] = True
    d[str(ids["<end>"])]["lstrip"] = True
    d[str(ids["<|x|>"])]["special"] = False
    d[str(n)] = {"content": "<late>", "special": False}
    d[str(n + 7)] = {"content": "the", "special": False, "normalized": False}
    c = base_cfg("LlamaForCausalLM", "llama", n + 4, tie_word_embeddings=True)
    return Case("tokens_differ", "tokens-differ", c, dense(n + 4, tied=True), f, "llama-bpe", note="flags and tokens that only tokenizer_config.json has, named tokens of the base vocabulary")


def tokens_map():
    f, ids, n = bpe_files("llama-bpe", [("<|begin|>", True, False), ("<|stop|>", True, False)], None, decoder_cfg=False, cfg={"bos_token": "<|begin|>"})
    f["special_tokens_map.json"] = {"bos_token": {"content": "<|begin|>", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}, "eos_token": "er", "pad_token": "<|pad|>"}
    c = base_cfg("LlamaForCausalLM", "llama", n + 3, tie_word_embeddings=True)
    return Case("tokens_map", "tokens-map", c, dense(n + 3, tied=True), f, "llama-bpe", note="special_tokens_map.json, which is read where tokenizer_config.json lists no added tokens")


def nemotron_heads():
    k = h2.nemotronh_moe()
    wide = {"q_proj": (0, H * 32), "k_proj": (0, KV * 32), "v_proj": (0, KV * 32), "o_proj": (1, H * 32)}
    t = []
    for x in k.tensors:
        part = x[0].split(".")[-2]
        shape = list(x[1])
        if part in wide:
            shape[wide[part][0]] = wide[part][1]
        t.append((x[0], shape) + tuple(x[2:]))
    return Case("nemotron_heads", k.dirname, dict(k.config, head_dim=32), t, k.files, "tekken", shards=2, note="heads of another size than the hidden size by their number: the rope's dimensions are those of the latter")


def granite_heads():
    k = hc.granite()
    c = dict(k.config, head_dim=32)
    t = dense(c["vocab_size"], tied=True, hd=32)
    return Case("granite_heads", "granite-heads", c, t, k.files, "refact", note="head_dim is passed over")


def granite_bare():
    k = h2.granite4_dense()
    c = {x: y for x, y in k.config.items() if x not in ("rope_theta", "max_position_embeddings", "rms_norm_eps", "logits_scaling")}
    return Case("granite_bare", "granite-bare", c, k.tensors, k.files, "refact", note="of the hybrid class the file itself is read, without what the class would fill in")


def fp8_static(k, experts):
    """One factor for a matrix, or for an expert, and those of activations, which nobody reads."""
    t = []
    for x in k.tensors:
        if x[0].endswith(experts):
            t += [(x[0], x[1], "f8", "F8_E4M3"), (x[0] + "_scale_inv", [x[1][0], 1, 1], "pos", "BF16"), (x[0] + "_activation_scale", [], "pos", "BF16")]
        elif ".layers." in x[0] and x[0].endswith("_proj.weight") and "vision" not in x[0]:
            t += [(x[0], x[1], "f8", "F8_E4M3"), (x[0] + "_scale_inv", [], "pos", "BF16"), (x[0][:-6] + "activation_scale", [], "pos", "BF16")]
        else:
            t.append(x)
    q = {"activation_scheme": "static", "dequantize": False, "modules_to_not_convert": ["model.vision_tower", "lm_head"], "quant_method": "fp8", "weight_block_size": None}
    return Case(k.name + "_fp8", k.dirname, dict(k.config, quantization_config=q), t, k.files, k.pre, shards=2, note="FP8 with a factor for each matrix")


def mistral3_fp8():
    return fp8_static(mistral3(), "experts")


def mistral4_fp8():
    return fp8_static(mistral4(), ("experts.gate_up_proj", "experts.down_proj"))


def beside():
    """What else lies in directories of models, and is none of it: other forms of the weights, adapters, originals, downloads under way."""
    k = hc.llama32()
    f = dict(k.files)
    for name in ("consolidated.safetensors", "adapter_model.safetensors", "pytorch_model.bin", "pytorch_model.bin.index.json", "original/consolidated.00.pth", "original/model.safetensors", "onnx/model.onnx", "optimizer.safetensors", "tf_model.h5", "training_args.bin", ".gitattributes"):
        f[name] = b"nothing that anybody could read"
    f["adapter_config.json"] = {"peft_type": "LORA", "r": 8}
    f["params.json"] = f["original/params.json"] = {"dim": 64}
    f["tekken.json"] = {}
    return Case("beside", k.dirname, k.config, k.tensors, f, k.pre, shards=3, note="files of other kinds beside the model's")


def olmoe_epsilon():
    k = olmoe()
    return Case("olmoe_epsilon", k.dirname, dict(k.config, rms_norm_eps=1e-06), k.tensors, k.files, k.pre, note="the file's epsilon is passed over")


def kimi_unshared():
    k = h2.kimi_k25()
    tc = {x: y for x, y in k.config["text_config"].items() if x != "n_shared_experts"}
    return Case("kimi_unshared", k.dirname, dict(k.config, text_config=tc), k.tensors, k.files, k.pre, note="a number of shared experts that the file leaves out is 0")


ALL = [stablelm, seed_oss, cohere2, olmoe, ernie45, ernie45_fused, bailingmoe2, bailingmoe2_mtp, ministral3, mistral3, mistral31, mistral4, roberta, roberta_labels, olmo3, gemma3n_text, gemma4_text, llama4_text, llama_model, granitemoe, granitemoe_shared,
       granite4_moe, qwen2vl, qwen3vl, qwen35moe_text, rope_yarn_bare, gemma3_rope, tokens_differ, tokens_map, nemotron_heads, granite_heads, granite_bare, mistral3_fp8, mistral4_fp8, beside, olmoe_epsilon, kimi_unshared]
