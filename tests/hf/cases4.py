"""Cases of further class names: of entries that have other ones, too, and of entries that are like others."""
import cases as hc
import cases2 as h2
import cases3 as h3
from hfgen import Case

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


ALL = [bert_masked, bert_rank, bert_labels, bert_two, distilbert, distilbert_masked, distilbert_labels, modern_masked, modern_labels, llama_first, iquest, lfm2_first, olmo_first,
       stablelm_epoch, qwen2_model, qwen3_model, qwen3_model_whole, qwen3_bare, llama_bare, kormo, qwen2vl_model, qwen35_model, qwen35_pooling, t5_first, mt5, umt5, rw, glm4vmoe, bamba, arcee, exaone]
