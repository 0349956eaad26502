"""Cases of further class names: of entries that have other ones, too, and of entries that are like others."""
import cases as hc
import cases2 as h2
import cases3 as h3
from hfgen import Case, bpe_files

E, FF, H, HD, KV, L = hc.E, hc.FF, hc.H, hc.HD, hc.KV, hc.L
attn, base_cfg, dense, mlp = hc.attn, hc.base_cfg, hc.dense, hc.mlp


# ------------------------------------ further class names of known entries

def bert_of(name, dirname, arch, tail, note, dtype="F32", **kw):
    """The BERT of cases.py as another class has it: with its prefix, the older ends of names, and a head."""
    k = hc.bert()
    f = {x: y for x, y in k.files.items() if not x.endswith("modules.json") and "Pooling" not in x}
    t = [("bert." + x[0].replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),) + tuple(x[1:]) for x in k.tensors]
    return Case(name, dirname, dict(k.config, architectures=[arch], **kw), t + tail, f, k.pre, dtype, note=note)


def bert_masked():
    n = hc.bert().config["vocab_size"]
    tail = [("cls.predictions.bias", [n], "w")] + h2.linear_bias("cls.predictions.transform.dense", E, E) + h2.ln("cls.predictions.transform.LayerNorm") + [("cls.predictions.decoder.weight", [n, E], "w")]
    return bert_of("bert_masked", "bert-base-uncased", "BertForMaskedLM", tail, "the head that fills in words is dropped")


def bert_rank():
    return bert_of("bert_rank", "ms-marco-MiniLM-L6-v2", "BertForSequenceClassification", h2.linear_bias("classifier", 1, E), "a classifier of one label", id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})


def bert_labels():
    return bert_of("bert_labels", "bert-sentiment", "BertForSequenceClassification", h2.linear_bias("classifier", 3, E), "a classifier with names of its labels", "BF16", id2label={"0": "bad", "10": "odd", "2": "good"}, label2id={"bad": 0, "odd": 10, "good": 2})


def bert_two():
    return bert_of("bert_two", "bert-two", "BertForSequenceClassification", h2.linear_bias("classifier", 2, E), "a classifier of two labels without names, which is written under another name")


def distil_cfg(arch, n, **kw):
    c = {"architectures": [arch], "model_type": "distilbert", "activation": "gelu", "attention_dropout": 0.1, "dim": E, "dropout": 0.1, "hidden_dim": FF, "initializer_range": 0.02, "max_position_embeddings": 64, "n_heads": H, "n_layers": L, "pad_token_id": 0, "qa_dropout": 0.1,
         "seq_classif_dropout": 0.2, "sinusoidal_pos_embds": False, "tie_weights_": True, "vocab_size": n}
    c.update(kw)
    return c


def distil_tensors(pre, n):
    t = [(pre + "embeddings.word_embeddings.weight", [n, E], "w"), (pre + "embeddings.position_embeddings.weight", [64, E], "w")] + h2.ln(pre + "embeddings.LayerNorm")
    for i in range(L):
        q = pre + "transformer.layer.%d." % i
        for x in "qkv":
            t += h2.linear_bias(q + "attention.%s_lin" % x, E, E)
        t += h2.linear_bias(q + "attention.out_lin", E, E) + h2.ln(q + "sa_layer_norm") + h2.linear_bias(q + "ffn.lin1", FF, E) + h2.linear_bias(q + "ffn.lin2", E, FF) + h2.ln(q + "output_layer_norm")
    return t


def distilbert():
    k = hc.bert()
    n = k.config["vocab_size"]
    return Case("distilbert", "msmarco-distilbert-base", distil_cfg("DistilBertModel", n), distil_tensors("", n), k.files, k.pre, "F32", note="fewer parts of a BERT, under other names, a pooling")


def distilbert_masked():
    k = hc.bert()
    n = k.config["vocab_size"]
    t = distil_tensors("distilbert.", n) + h2.linear_bias("vocab_transform", E, E) + h2.ln("vocab_layer_norm") + h2.linear_bias("vocab_projector", n, E)
    return Case("distilbert_masked", "distilbert-base-uncased", distil_cfg("DistilBertForMaskedLM", n), t, {x: y for x, y in k.files.items() if "odul" not in x and "Pool" not in x}, k.pre, "F16", note="the head that fills in words is dropped")


def distilbert_labels():
    k = hc.bert()
    n = k.config["vocab_size"]
    t = distil_tensors("distilbert.", n) + h2.linear_bias("pre_classifier", E, E) + h2.linear_bias("classifier", 2, E)
    c = distil_cfg("DistilBertForSequenceClassification", n, id2label={"0": "NEGATIVE", "1": "POSITIVE"}, label2id={"NEGATIVE": 0, "POSITIVE": 1})
    return Case("distilbert_labels", "distilbert-sst-2", c, t, {x: y for x, y in k.files.items() if "odul" not in x and "Pool" not in x}, k.pre, "F32", note="a classifier")


def modern_of(name, dirname, arch, tail, note, **kw):
    k = h2.modernbert()
    t = [("model." + x[0],) + tuple(x[1:]) for x in k.tensors]
    return Case(name, dirname, dict(k.config, architectures=[arch], **kw), t + tail, {x: y for x, y in k.files.items() if "odul" not in x and "Pool" not in x}, k.pre, "BF16", note=note)


def modern_head():
    return [("head.dense.weight", [E, E], "w"), ("head.norm.weight", [E], "norm")]


def modern_masked():
    return modern_of("modern_masked", "ModernBERT-bare", "ModernBertForMaskedLM", modern_head(), "the head that fills in words, without its last part")


def modern_labels():
    return modern_of("modern_labels", "gte-reranker-modernbert-base", "ModernBertForSequenceClassification", modern_head() + h2.linear_bias("classifier", 1, E), "a classifier of one label", id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})


def renamed(make, name, arch, note, pre=None, **kw):
    """A case under another class name; pre: a prefix that its tensors have not."""
    k = make()
    t = [(x[0].removeprefix(pre or ""),) + tuple(x[1:]) for x in k.tensors]
    return Case(name, k.dirname, dict(k.config, architectures=[arch], **kw), t, k.files, k.pre, k.dtype, k.shards, note=note)


def llama_first():
    return renamed(hc.llama2_spm, "llama_first", "LLaMAForCausalLM", "the first spelling of the class")


def iquest():
    return renamed(hc.llama2_spm, "iquest", "IQuestCoderForCausalLM", "unknown to transformers", model_type="iquestcoder")


def lfm2_first():
    return renamed(h2.lfm2, "lfm2_first", "LFM2ForCausalLM", "another spelling of the class")


def olmo_first():
    return renamed(hc.olmo, "olmo_first", "OLMoForCausalLM", "another spelling of the class")


def stablelm_epoch():
    return renamed(h3.stablelm, "stablelm_epoch", "StableLMEpochForCausalLM", "the first name of the class, unknown to transformers", model_type="stablelm_epoch", rope_pct=0.25, norm_eps=1e-05, layer_norm_eps=1e-05)


def qwen2_model():
    k = h2.qwen3_embed()
    c = {x: y for x, y in k.config.items() if x != "head_dim"}
    t = [x for x in dense(c["vocab_size"], tied=True, pre="", bias="qkv")]
    return Case("qwen2_model", "gte-Qwen2-1.5B-instruct", dict(c, architectures=["Qwen2Model"], model_type="qwen2", sliding_window=None), t, k.files, k.pre, note="names without model., pooling")


def qwen3_model():
    k = h2.qwen3_embed()
    t = [(x[0].removeprefix("model."),) + tuple(x[1:]) for x in k.tensors if "lm_head" not in x[0]]
    return Case("qwen3_model", "Qwen3-Embedding-saved", dict(k.config, architectures=["Qwen3Model"]), t, k.files, k.pre, note="names without model.")


def qwen3_bare():
    k = qwen3_model()
    return Case("qwen3_bare", "Qwen3-Embedding-0.6B", dict(k.config, architectures=["Qwen3ForCausalLM"]), k.tensors, k.files, k.pre, note="names without model., as the embedding models are published")


def llama_bare():
    k = hc.llama32()
    t = [(x[0].removeprefix("model."),) + tuple(x[1:]) for x in k.tensors]
    return Case("llama_bare", "llama-bare", k.config, t, k.files, k.pre, note="names without model., but the class has a head")


def qwen3_model_whole():
    return renamed(h2.qwen3_embed, "qwen3_model_whole", "Qwen3Model", "names with model.")


def kormo():
    k = renamed(hc.qwen2, "kormo", "KORMoForCausalLM", "unknown to transformers, other names of its norms", model_type="kormo")
    k.tensors = [(x[0].replace("input_layernorm", "pre_attention_layernorm").replace("post_attention_layernorm", "pre_mlp_layernorm"),) + tuple(x[1:]) for x in k.tensors]
    return k


def qwen2vl_model():
    return renamed(h3.qwen2vl, "qwen2vl_model", "Qwen2VLModel", "the class without a head")


def qwen35_model():
    k = renamed(h2.qwen35_nomtp, "qwen35_model", "Qwen3_5TextModel", "the class without a head, names without model., pooling", pre="model.")
    h2.pooling(k.files, "cls")
    k.tensors = [x for x in k.tensors if "lm_head" not in x[0]]
    return k


def qwen35_pooling():
    k = renamed(h2.qwen35_nomtp, "qwen35_pooling", "Qwen3_5ForCausalLM", "with a pooling")
    h2.pooling(k.files, "mean")
    return k


def t5_first():
    return renamed(h2.t5, "t5_first", "T5WithLMHeadModel", "the first name of the class")


def mt5():
    return renamed(h2.t5, "mt5", "MT5ForConditionalGeneration", "many languages", model_type="mt5")


def umt5():
    k = renamed(h2.t5, "umt5", "UMT5ForConditionalGeneration", "many languages, each layer with its own bias", model_type="umt5")
    k.tensors += [("%s.block.%d.layer.0.SelfAttention.relative_attention_bias.weight" % (x, i), [32, H], "w") for x in ("encoder", "decoder") for i in range(1, L)]
    return k


def rw():
    k = h2.falcon()
    c = {x: y for x, y in k.config.items() if x not in ("num_attention_heads", "num_hidden_layers", "num_kv_heads", "new_decoder_architecture")}
    return Case("rw", "falcon-40b-first", dict(c, architectures=["RWForCausalLM"], model_type="RefinedWeb", n_head=H, n_head_kv=KV, n_layer=L, hidden_dropout=0.0), k.tensors, k.files, k.pre, note="the first name of the class, other names of its values")


def glm4vmoe():
    k = hc.glm4moe()
    g = h2.glm4v()
    tc = {x: y for x, y in k.config.items() if x not in ("architectures", "tie_word_embeddings", "torch_dtype", "transformers_version", "num_nextn_predict_layers", "use_qk_norm", "head_dim")}
    tc.update(model_type="glm4v_moe_text", rope_scaling={"rope_type": "default", "mrope_section": [2, 3, 3]})
    c = dict(g.config, architectures=["Glm4vMoeForConditionalGeneration"], model_type="glm4v_moe", text_config=tc, vision_config=dict(g.config["vision_config"], model_type="glm4v_moe"))
    t = [((x[0].replace("model.", "model.language_model.", 1)),) + tuple(x[1:]) for x in k.tensors if ".layers.2." not in x[0] and "_norm.weight" not in x[0]]
    return Case("glm4vmoe", "GLM-4.5V", c, t + [x for x in g.tensors if "visual" in x[0]], k.files, k.pre, shards=2, note="the text part of an image model with experts")


def bamba():
    f, ids, n = h2.granite_tok()
    v = n + 3
    c = base_cfg("BambaForCausalLM", "bamba", v, num_hidden_layers=3, tie_word_embeddings=False, bos_token_id=0, eos_token_id=0, pad_token_id=3, rope_theta=10000.0, attn_layer_indices=[1], attn_rotary_emb=8, num_logits_to_keep=1,
                 mamba_chunk_size=256, mamba_conv_bias=True, mamba_d_conv=4, mamba_d_head=16, mamba_d_state=16, mamba_expand=2, mamba_n_groups=1, mamba_n_heads=8, mamba_proj_bias=False, max_position_embeddings=262144)
    t = [("model.embed_tokens.weight", [v, E], "w"), ("model.final_layernorm.weight", [E], "norm"), ("lm_head.weight", [v, E], "w")]
    for i in range(3):
        q = "model.layers.%d." % i
        t += h3.norms(q, ("input_layernorm", "pre_ff_layernorm")) + mlp(q + "feed_forward.") + (attn(q + "self_attn.") if i == 1 else h2.mamba2(q + "mamba.", 128, 1, 16, 8))
    return Case("bamba", "Bamba-9B-v2", c, t, f, "refact", shards=2, note="state space layers, attention with a rope, no experts")


# ------------------------------------------------------- entries like others

def arcee():
    k = hc.llama32()
    c = {x: y for x, y in k.config.items() if x != "rope_scaling"}
    t = [x for x in k.tensors if ".gate_proj." not in x[0]]
    return Case("arcee", "AFM-4.5B", dict(c, architectures=["ArceeForCausalLM"], model_type="arcee", hidden_act="relu2", mlp_bias=False, rope_scaling={"beta_fast": 32.0, "beta_slow": 1.0, "factor": 20.0, "mscale": 1.0, "original_max_position_embeddings": 4096, "rope_type": "yarn", "type": "yarn"}), t, k.files, k.pre, note="a Llama without a gate")


def exaone():
    k = hc.llama32()
    c = {"architectures": ["ExaoneForCausalLM"], "model_type": "exaone", "activation_function": "silu", "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 361, "head_dim": HD, "hidden_size": E, "intermediate_size": FF, "layer_norm_epsilon": 1e-05, "max_position_embeddings": 4096,
         "num_attention_heads": H, "num_key_value_heads": KV, "num_layers": L, "pad_token_id": 0, "rope_scaling": None, "rope_theta": 500000.0, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
         "vocab_size": k.config["vocab_size"]}
    n = c["vocab_size"]
    t = [("transformer.wte.weight", [n, E], "w"), ("transformer.ln_f.weight", [E], "norm")]
    for i in range(L):
        q = "transformer.h.%d." % i
        t += h3.norms(q, ("ln_1", "ln_2")) + attn(q + "attn.attention.")[:3] + [(q + "attn.attention.out_proj.weight", [E, H * HD], "w"), (q + "mlp.c_fc_0.weight", [FF, E], "w"), (q + "mlp.c_fc_1.weight", [FF, E], "w"), (q + "mlp.c_proj.weight", [E, FF], "w")]
    return Case("exaone", "EXAONE-3.0-7.8B-Instruct", c, t, k.files, k.pre, note="other names of a Llama's parts")


def dots_ocr():
    f, ids, n = hc.qwen_tok()
    c = base_cfg("DotsOCRForCausalLM", "dots_ocr", n, rope_theta=1000000, rope_scaling=None, sliding_window=None, use_sliding_window=False, max_window_layers=28, rms_norm_eps=1e-06, attention_bias=True, image_token_id=5, video_token_id=6,
                 vision_config={"embed_dim": 32, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 14})
    t = dense(n, bias="qkv") + [("vision_tower.blocks.0.attn.proj.weight", [32, 32], "w"), ("vision_tower.patch_embed.patchifier.proj.weight", [32, 3, 14, 14], "w")]
    return Case("dots_ocr", "dots.ocr", c, t, f, "qwen2", shards=2, note="the text part of an image model, unknown to transformers")


def qwen2_audio():
    f, ids, n = hc.qwen_tok()
    tc = {"model_type": "qwen2", "hidden_size": E, "intermediate_size": FF, "num_hidden_layers": L, "num_attention_heads": H, "num_key_value_heads": KV, "max_position_embeddings": 8192, "rms_norm_eps": 1e-05, "vocab_size": n, "rope_theta": 10000, "sliding_window": 32768, "use_mrope": False, "torch_dtype": "bfloat16"}
    c = {"architectures": ["Qwen2AudioForConditionalGeneration"], "model_type": "qwen2_audio", "audio_config": {"model_type": "qwen2_audio_encoder", "d_model": 32, "encoder_layers": 1}, "audio_token_index": 5, "ignore_index": -100, "text_config": tc, "torch_dtype": "bfloat16", "vocab_size": n}
    t = dense(n, bias="qkv", pre="language_model.model.", head="language_model.lm_head.weight") + [("audio_tower.conv1.weight", [32, 128, 3], "w"), ("multi_modal_projector.linear.weight", [E, 32], "w")]
    return Case("qwen2_audio", "Qwen2-Audio-7B-Instruct", c, t, f, "qwen2", shards=2, note="the text part of a model that listens")


def paddleocr():
    f, n = h2.ernie_tok()
    c = base_cfg("PaddleOCRVLForConditionalGeneration", "paddleocr_vl", n, head_dim=32, use_bias=False, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2, pad_token_id=0, rope_theta=500000, rope_scaling={"mrope_section": [4, 6, 6], "rope_type": "default", "type": "default"}, rope_is_neox_style=True, max_position_embeddings=131072,
                 image_token_id=5, video_token_id=6, vision_start_token_id=7, auto_map={"AutoConfig": "configuration_paddleocr_vl.PaddleOCRVLConfig"}, vision_config={"model_type": "paddleocr_vl", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 14, "spatial_merge_size": 2})
    t = dense(n, hd=32) + [("mlp_AR.linear_1.weight", [32, 32], "w"), ("mlp_AR.pre_norm.weight", [32], "norm"), ("visual.vision_model.embeddings.patch_embedding.weight", [32, 3, 14, 14], "w"), ("visual.vision_model.post_layernorm.weight", [32], "norm")]
    return Case("paddleocr", "PaddleOCR-VL", c, t, f, None, shards=2, note="the text part of an image model, an Ernie")


def glm_ocr():
    k = h2.glm4v()
    n = k.config["text_config"]["vocab_size"]
    tc = dict(k.config["text_config"], model_type="glm_ocr_text", head_dim=32, num_nextn_predict_layers=1, tie_word_embeddings=False, attention_bias=False, dtype="bfloat16")
    tc["rope_parameters"] = {"rope_type": "default", "mrope_section": [4, 6, 6], "partial_rotary_factor": 1.0, "rope_theta": 10000}
    del tc["rope_scaling"], tc["rope_theta"], tc["partial_rotary_factor"]
    c = {"architectures": ["GlmOcrForConditionalGeneration"], "model_type": "glm_ocr", "image_token_id": 3, "text_config": tc, "tie_word_embeddings": False, "vision_config": dict(k.config["vision_config"], model_type="glm_ocr_vision")}
    m = "model.language_model."
    t = [(m + "embed_tokens.weight", [n, E], "w"), (m + "norm.weight", [E], "norm"), ("lm_head.weight", [n, E], "w")]
    for i in range(L + 1):
        q = m + "layers.%d." % i
        t += h3.norms(q, ("input_layernorm", "post_attention_layernorm", "post_self_attn_layernorm", "post_mlp_layernorm")) + attn(q + "self_attn.", hd=32) + [(q + "mlp.gate_up_proj.weight", [2 * FF, E], "w"), (q + "mlp.down_proj.weight", [E, FF], "w")]
    q = m + "layers.%d." % L
    t += [(q + "eh_proj.weight", [E, 2 * E], "w"), (q + "enorm.weight", [E], "norm"), (q + "hnorm.weight", [E], "norm"), (q + "shared_head.norm.weight", [E], "norm"), (q + "shared_head.head.weight", [n, E], "w"), (q + "embed_tokens.weight", [n, E], "w")]
    return Case("glm_ocr", "GLM-OCR", c, t + [x for x in k.tensors if "visual" in x[0]], k.files, k.pre, shards=2, note="the text part of an image model, with a layer that predicts the next token")


def bigcode():
    f, ids, n = bpe_files("gpt-2", [("<|endoftext|>", True, False), ("<fim_prefix>", True, False)], None, pair_merges=False, special_first=True, tok_class="GPT2Tokenizer", cfg={"add_prefix_space": False, "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"})
    c = {"architectures": ["GPTBigCodeForCausalLM"], "model_type": "gpt_bigcode", "activation_function": "gelu_pytorch_tanh", "attn_pdrop": 0.1, "bos_token_id": 0, "eos_token_id": 0, "layer_norm_epsilon": 1e-05, "multi_query": True, "n_embd": E, "n_head": H, "n_inner": 4 * E, "n_layer": L, "n_positions": 128, "vocab_size": n, "torch_dtype": "float32"}
    t = [("transformer.wte.weight", [n, E], "w"), ("transformer.wpe.weight", [128, E], "w"), ("lm_head.weight", [n, E], "w")] + h2.ln("transformer.ln_f")
    for i in range(L):
        q = "transformer.h.%d." % i
        t += h2.ln(q + "ln_1") + h2.ln(q + "ln_2") + h2.linear_bias(q + "attn.c_attn", E + 2 * HD, E) + h2.linear_bias(q + "attn.c_proj", E, E) + h2.linear_bias(q + "mlp.c_fc", 4 * E, E) + h2.linear_bias(q + "mlp.c_proj", E, 4 * E)
    return Case("bigcode", "starcoderbase-1b", c, t, f, "starcoder", "F32", note="one head of keys, projections stored the usual way round")



ALL = [bert_masked, bert_rank, bert_labels, bert_two, distilbert, distilbert_masked, distilbert_labels, modern_masked, modern_labels, llama_first, iquest, lfm2_first, olmo_first,
       stablelm_epoch, qwen2_model, qwen3_model, qwen3_model_whole, qwen3_bare, llama_bare, kormo, qwen2vl_model, qwen35_model, qwen35_pooling, t5_first, mt5, umt5, rw, glm4vmoe, bamba, arcee, exaone,
       dots_ocr, qwen2_audio, paddleocr, glm_ocr, bigcode]
