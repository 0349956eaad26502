#include "quant/format/hf/config_defaults.h"

#include <stdlib.h>
#include <string.h>

#define SHARED (-1) /* head_dim: the hidden size by the heads; num_key_value_heads: the heads */
#define ROPE (-2)   /* head_dim: qk_rope_head_dim */
#define LATENT (-3) /* head_dim: qk_nope_head_dim and qk_rope_head_dim */

#define TOKENS_MAX 512 /* bytes of one value in `more` */
#define LAYERS_MAX 65536

/* What a class of transformers 5.12.1 takes for what the file leaves out. 0: it has no such
 * default. */
struct defaults {
    const char *model_type;
    int context, hidden, ffn, heads, kv_heads, layers, vocab; /* max_position_embeddings, ... */
    int head_dim;
    double theta;          /* of the rope */
    const char *layers_of; /* layer_types: these letters again and again, see layer_type(); with "!"
                              at the end the last layer is "F" whatever its place */
    const char *more;      /* name=value, with ' for the quotes of a text */
};

/* granitemoehybrid and falcon_h1 are not here: of these the converter reads the file itself. */
/* clang-format off */
static const struct defaults table[] = {
    {"llama", 2048, 4096, 11008, 32, SHARED, 32, 32000, SHARED, 10000, "",
     "rms_norm_eps=1e-06"},
    {"mistral", 131072, 4096, 14336, 32, 8, 32, 32000, SHARED, 10000, "",
     "rms_norm_eps=1e-06 sliding_window=4096"},
    {"mixtral", 131072, 4096, 14336, 32, 8, 32, 32000, 0, 1000000, "",
     "rms_norm_eps=1e-05 num_local_experts=8 num_experts_per_tok=2"},
    {"qwen2", 32768, 4096, 22016, 32, 32, 32, 151936, 0, 10000, "F",
     "rms_norm_eps=1e-06"},
    {"qwen2_moe", 32768, 2048, 5632, 16, 16, 24, 151936, 0, 10000, "F",
     "rms_norm_eps=1e-06 num_experts=60 num_experts_per_tok=4 sliding_window=0 "
     "moe_intermediate_size=1408 shared_expert_intermediate_size=5632 norm_topk_prob=false"},
    {"qwen3", 32768, 4096, 22016, 32, 32, 32, 151936, 128, 10000, "F",
     "rms_norm_eps=1e-06"},
    {"qwen3_moe", 32768, 2048, 6144, 32, 4, 24, 151936, 0, 10000, "",
     "rms_norm_eps=1e-06 num_experts=128 num_experts_per_tok=8 "
     "moe_intermediate_size=768 norm_topk_prob=false"},
    {"qwen3_next", 32768, 2048, 5632, 16, 2, 48, 151936, 256, 10000, "LLLF",
     "partial_rotary_factor=0.25 rms_norm_eps=1e-06 num_experts=512 num_experts_per_tok=10 "
     "moe_intermediate_size=512 shared_expert_intermediate_size=512 norm_topk_prob=true "
     "linear_conv_kernel_dim=4 linear_key_head_dim=128 linear_num_key_heads=16 "
     "linear_num_value_heads=32 linear_value_head_dim=128"},
    {"qwen3_5", 32768, 4096, 12288, 16, 4, 32, 248320, 256, 10000, "LLLF",
     "partial_rotary_factor=0.25 rms_norm_eps=1e-06 linear_conv_kernel_dim=4 "
     "linear_key_head_dim=128 linear_num_key_heads=16 linear_num_value_heads=32 "
     "linear_value_head_dim=128"},
    {"qwen3_5_text", 32768, 4096, 12288, 16, 4, 32, 248320, 256, 10000, "LLLF",
     "partial_rotary_factor=0.25 rms_norm_eps=1e-06 linear_conv_kernel_dim=4 "
     "linear_key_head_dim=128 linear_num_key_heads=16 linear_num_value_heads=32 "
     "linear_value_head_dim=128"},
    {"qwen3_5_moe", 32768, 2048, 0, 16, 2, 40, 248320, 256, 10000, "LLLF",
     "partial_rotary_factor=0.25 rms_norm_eps=1e-06 num_experts=256 num_experts_per_tok=8 "
     "moe_intermediate_size=512 shared_expert_intermediate_size=512 "
     "linear_conv_kernel_dim=4 linear_key_head_dim=128 linear_num_key_heads=16 "
     "linear_num_value_heads=32 linear_value_head_dim=128"},
    {"gemma", 8192, 3072, 24576, 16, 16, 28, 256000, 256, 10000, "",
     "rms_norm_eps=1e-06"},
    {"gemma2", 8192, 2304, 9216, 8, 4, 26, 256000, 256, 10000, "SF",
     "rms_norm_eps=1e-06 sliding_window=4096 attn_logit_softcapping=50.0 "
     "final_logit_softcapping=30.0"},
    {"gemma3", 131072, 2304, 9216, 8, 4, 26, 262208, 256, 1000000, "SSSSSF",
     "rms_norm_eps=1e-06 sliding_window=4096 "
     "rope_local_base_freq=10000"},
    {"gemma3_text", 131072, 2304, 9216, 8, 4, 26, 262208, 256, 1000000, "SSSSSF",
     "rms_norm_eps=1e-06 sliding_window=4096 "
     "rope_local_base_freq=10000"},
    {"gemma3n", 32768, 2048, 16384, 8, 2, 35, 262400, 256, 1000000, "SSSSF",
     "rms_norm_eps=1e-06 sliding_window=512 final_logit_softcapping=30.0 "
     "rope_local_base_freq=10000"},
    {"gemma4", 131072, 2304, 9216, 8, 4, 30, 262144, 256, 0, "SSSSSF!",
     "rms_norm_eps=1e-06 sliding_window=512 "
     "rope_parameters={'sliding_attention':{'rope_type':'default','rope_theta':10000.0},"
     "'full_attention':{'rope_type':'proportional','partial_rotary_factor':0.25,"
     "'rope_theta':1000000.0}}"},
    {"phi3", 4096, 3072, 8192, 32, SHARED, 32, 32064, 0, 10000, "",
     "original_max_position_embeddings=4096 rms_norm_eps=1e-05 partial_rotary_factor=1.0"},
    {"phi", 2048, 2048, 8192, 32, SHARED, 24, 51200, 0, 10000, "",
     "partial_rotary_factor=0.5 layer_norm_eps=1e-05"},
    {"phimoe", 131072, 4096, 6400, 32, 8, 32, 32064, 0, 1000000, "",
     "rms_norm_eps=1e-05 num_local_experts=16 num_experts_per_tok=2"},
    {"cohere", 8192, 8192, 22528, 64, SHARED, 40, 256000, 0, 500000, "",
     "layer_norm_eps=1e-05 logit_scale=0.0625"},
    {"cohere2", 8192, 8192, 22528, 64, SHARED, 40, 256000, SHARED, 10000, "SSSF",
     "layer_norm_eps=1e-05 sliding_window=4096 logit_scale=0.0625"},
    {"olmo", 2048, 4096, 11008, 32, SHARED, 32, 50304, 0, 10000, "",
     ""},
    {"olmo2", 2048, 4096, 11008, 32, SHARED, 32, 50304, 0, 10000, "",
     "rms_norm_eps=1e-05"},
    {"olmo3", 2048, 4096, 11008, 32, SHARED, 32, 50304, 0, 10000, "SSSF",
     "rms_norm_eps=1e-05 sliding_window=4096"},
    {"olmoe", 4096, 2048, 2048, 16, SHARED, 16, 50304, 0, 10000, "",
     "rms_norm_eps=1e-05 num_experts=64 num_experts_per_tok=8 norm_topk_prob=false"},
    {"gpt_oss", 131072, 2880, 2880, 64, 8, 36, 201088, 64, 0, "SF",
     "rms_norm_eps=1e-05 num_local_experts=128 num_experts_per_tok=4 sliding_window=128 "
     "rope_parameters={'rope_type':'yarn','factor':32.0,'beta_fast':32.0,'beta_slow':1.0,"
     "'truncate':false,'original_max_position_embeddings':4096,'rope_theta':150000.0}"},
    {"bert", 512, 768, 3072, 12, 0, 12, 30522, 0, 0, "",
     "layer_norm_eps=1e-12 type_vocab_size=2"},
    {"distilbert", 512, 0, 0, 0, 0, 0, 30522, 0, 0, "",
     "dim=768 hidden_dim=3072 n_heads=12 n_layers=6"},
    {"nomic_bert", 2048, 768, 3072, 12, 0, 12, 30528, SHARED, 1000, "",
     "layer_norm_eps=1e-12 type_vocab_size=2"},
    {"roberta", 512, 768, 3072, 12, 0, 12, 50265, 0, 0, "",
     "layer_norm_eps=1e-12 pad_token_id=1 type_vocab_size=2"},
    {"xlm-roberta", 512, 768, 3072, 12, 0, 12, 30522, 0, 0, "",
     "layer_norm_eps=1e-12 pad_token_id=1 type_vocab_size=2"},
    {"modernbert", 8192, 768, 1152, 12, 0, 22, 50368, 0, 0, "FSS",
     "norm_eps=1e-05 classifier_pooling='cls' local_attention=128 hidden_activation='gelu' "
     "classifier_activation='gelu' "
     "global_rope_theta=160000.0 local_rope_theta=10000.0"},
    {"deepseek_v2", 2048, 4096, 11008, 32, SHARED, 32, 32000, ROPE, 10000, "",
     "rms_norm_eps=1e-06 n_routed_experts=64 moe_intermediate_size=1407 kv_lora_rank=512 "
     "q_lora_rank=1536 qk_rope_head_dim=64 qk_nope_head_dim=128 v_head_dim=128 "
     "n_shared_experts=2 first_k_dense_replace=0 routed_scaling_factor=1.0 "
     "norm_topk_prob=false"},
    {"deepseek_v3", 4096, 7168, 18432, 128, 128, 61, 129280, ROPE, 10000, "",
     "rms_norm_eps=1e-06 n_routed_experts=256 num_experts_per_tok=8 n_group=8 topk_group=4 "
     "moe_intermediate_size=2048 kv_lora_rank=512 q_lora_rank=1536 qk_rope_head_dim=64 "
     "qk_nope_head_dim=128 v_head_dim=128 n_shared_experts=1 first_k_dense_replace=3 "
     "routed_scaling_factor=2.5 norm_topk_prob=true"},
    {"glm", 131072, 4096, 13696, 32, 2, 40, 151552, 128, 10000, "",
     "partial_rotary_factor=0.5 rms_norm_eps=1.5625e-07"},
    {"glm4", 131072, 4096, 13696, 32, 2, 40, 151552, 128, 10000, "",
     "partial_rotary_factor=0.5 rms_norm_eps=1.5625e-07"},
    {"glm4_moe", 131072, 4096, 10944, 96, 8, 46, 151552, 0, 10000, "",
     "partial_rotary_factor=0.5 rms_norm_eps=1e-05 n_routed_experts=128 "
     "num_experts_per_tok=8 n_group=1 topk_group=1 moe_intermediate_size=1408 "
     "n_shared_experts=1 first_k_dense_replace=1 routed_scaling_factor=1.0 "
     "norm_topk_prob=true"},
    {"granite", 2048, 4096, 11008, 32, SHARED, 32, 32000, 0, 10000, "",
     "rms_norm_eps=1e-06 attention_multiplier=1.0 embedding_multiplier=1.0 "
     "residual_multiplier=1.0 logits_scaling=1.0"},
    {"bamba", 262144, 4096, 14336, 32, 8, 32, 128000, 0, 10000, "",
     "partial_rotary_factor=0.5 rms_norm_eps=1e-05 mamba_n_heads=128 mamba_d_head=64 "
     "mamba_n_groups=1 mamba_d_state=256 mamba_d_conv=4 mamba_expand=2"},
    {"granitemoe", 2048, 4096, 11008, 32, SHARED, 32, 32000, 0, 10000, "",
     "rms_norm_eps=1e-06 num_local_experts=8 num_experts_per_tok=2 "
     "attention_multiplier=1.0 embedding_multiplier=1.0 residual_multiplier=1.0 "
     "logits_scaling=1.0"},
    {"granitemoeshared", 2048, 4096, 11008, 32, SHARED, 32, 32000, 0, 10000, "",
     "rms_norm_eps=1e-06 num_local_experts=8 num_experts_per_tok=2 shared_intermediate_size=0 "
     "attention_multiplier=1.0 embedding_multiplier=1.0 residual_multiplier=1.0 "
     "logits_scaling=1.0"},
    {"starcoder2", 4096, 3072, 12288, 24, 2, 30, 49152, 0, 10000, "",
     "norm_epsilon=1e-05"},
    {"gpt2", 0, 0, 0, 0, 0, 0, 50257, 0, 0, "",
     "n_positions=1024 n_embd=768 n_head=12 layer_norm_epsilon=1e-05 n_layer=12"},
    {"gpt_neox", 2048, 6144, 24576, 64, 0, 44, 50432, 0, 10000, "",
     "layer_norm_eps=1e-05 use_parallel_residual=true partial_rotary_factor=0.25"},
    {"falcon", 2048, 4544, 0, 71, 0, 32, 65024, 0, 10000, "",
     "layer_norm_epsilon=1e-05 num_kv_heads=71"},
    {"stablelm", 4096, 2560, 6912, 32, 32, 32, 50304, 0, 10000, "",
     "partial_rotary_factor=0.25 layer_norm_eps=1e-05 use_parallel_residual=false"},
    {"smollm3", 32768, 2048, 11008, 16, 4, 36, 128256, 0, 2000000, "F",
     "rms_norm_eps=1e-06"},
    {"exaone4", 2048, 4096, 16384, 32, 32, 32, 102400, 0, 10000, "SSSF",
     "rms_norm_eps=1e-05 sliding_window=4096 sliding_window_pattern=4"},
    {"mistral3", 131072, 5120, 32768, 32, 8, 40, 131072, 128, 1000000000, "",
     "rms_norm_eps=1e-05"},
    {"ministral3", 262144, 4096, 14336, 32, 8, 34, 131072, 128, 0, "",
     "rms_norm_eps=1e-05 "
     "rope_parameters={'type':'yarn','rope_theta':1000000.0,'factor':16.0,"
     "'original_max_position_embeddings':16384,'max_position_embeddings':262144,"
     "'beta_fast':32.0,'beta_slow':1.0,'mscale_all_dim':1.0,'mscale':1.0,"
     "'llama_4_scaling_beta':0.1,'rope_type':'yarn'}"},
    {"mistral4", 1048576, 4096, 12288, 32, 32, 36, 131072, LATENT, 0, "",
     "rms_norm_eps=1e-06 n_routed_experts=128 num_experts_per_tok=4 n_group=1 topk_group=1 "
     "moe_intermediate_size=2048 n_shared_experts=1 norm_topk_prob=true "
     "routed_scaling_factor=1.0 first_k_dense_replace=0 kv_lora_rank=256 q_lora_rank=1024 "
     "qk_nope_head_dim=64 qk_rope_head_dim=64 v_head_dim=128 "
     "rope_parameters={'type':'yarn','rope_theta':10000.0,'factor':128.0,"
     "'original_max_position_embeddings':8192,'max_position_embeddings':1048576,"
     "'beta_fast':32.0,'beta_slow':1.0,'mscale_all_dim':1.0,'mscale':1.0,"
     "'llama_4_scaling_beta':0.1,'partial_rotary_factor':0.5,'rope_type':'yarn'}"},
    {"lfm2", 128000, 2560, 12288, 32, 8, 32, 65536, 0, 1000000, "F",
     "norm_eps=1e-05 conv_L_cache=3 block_auto_adjust_ff_dim=true "
     "block_ffn_dim_multiplier=1.0 block_multiple_of=256"},
    {"seed_oss", 524288, 4096, 27648, 80, 8, 64, 155136, 128, 10000, "",
     "rms_norm_eps=1e-06"},
    {"ernie4_5", 131072, 1024, 3072, 16, 2, 18, 103424, 128, 500000, "",
     "rms_norm_eps=1e-05"},
    {"hunyuan_v1_dense", 2048, 4096, 11008, 32, SHARED, 32, 290943, 0, 10000, "",
     "rms_norm_eps=1e-05 eod_token_id=3"},
    {"nemotron", 4096, 6144, 24576, 48, 0, 32, 256000, SHARED, 10000, "",
     "partial_rotary_factor=0.5 norm_eps=1e-05"},
    {"apertus", 65536, 4096, 14336, 32, SHARED, 32, 131072, 0, 0, "",
     "rms_norm_eps=1e-05 "
     "rope_parameters={'rope_type':'llama3','rope_theta':12000000.0,'factor':8.0,"
     "'original_max_position_embeddings':8192,'low_freq_factor':1.0,"
     "'high_freq_factor':4.0}"},
    {"arcee", 4096, 2560, 18432, 32, SHARED, 32, 32000, SHARED, 10000, "",
     "rms_norm_eps=1e-05"},
    {"gemma3n_text", 32768, 2048, 16384, 8, 2, 35, 262400, 256, 1000000, "SSSSF",
     "rms_norm_eps=1e-06 vocab_size_per_layer_input=262144 sliding_window=512 "
     "final_logit_softcapping=30.0 altup_active_idx=0 altup_num_inputs=4 "
     "hidden_size_per_layer_input=256 num_kv_shared_layers=15 "
     "hidden_activation='gelu_pytorch_tanh' "
     "rope_local_base_freq=10000"},
    {"gemma4_text", 131072, 2304, 9216, 8, 4, 30, 262144, 256, 0, "SSSSSF!",
     "rms_norm_eps=1e-06 vocab_size_per_layer_input=262144 sliding_window=512 "
     "hidden_size_per_layer_input=256 num_kv_shared_layers=0 global_head_dim=512 "
     "use_double_wide_mlp=false enable_moe_block=false attention_k_eq_v=false "
     "hidden_activation='gelu_pytorch_tanh' "
     "rope_parameters={'sliding_attention':{'rope_type':'default','rope_theta':10000.0},"
     "'full_attention':{'rope_type':'proportional','partial_rotary_factor':0.25,"
     "'rope_theta':1000000.0}}"},
    {"qwen2_5_vl_text", 32768, 8192, 29568, 64, 8, 80, 152064, 0, 1000000, "F",
     "rms_norm_eps=1e-05"},
    {"qwen3_vl_text", 128000, 4096, 22016, 32, 32, 32, 151936, 128, 500000, "",
     "rms_norm_eps=1e-06"},
    {"qwen3_vl_moe_text", 128000, 2048, 5632, 16, 16, 24, 151936, 128, 500000, "",
     "rms_norm_eps=1e-06 num_experts=60 num_experts_per_tok=4 "
     "moe_intermediate_size=1408 decoder_sparse_step=1"},
    {"llama4_text", 131072, 5120, 8192, 40, 8, 48, 202048, 128, 500000, "CCCF",
     "intermediate_size_mlp=16384 rms_norm_eps=1e-05 num_local_experts=16 "
     "num_experts_per_tok=1 interleave_moe_layer_step=1"},
    {"lfm2_moe", 128000, 2048, 7168, 32, 8, 32, 65536, 0, 1000000, "",
     "norm_eps=1e-05 num_experts=32 num_experts_per_tok=4 moe_intermediate_size=1792 "
     "conv_L_cache=3 num_dense_layers=2 norm_topk_prob=true routed_scaling_factor=1.0"},
    {"nemotron_h", 4096, 4096, 21504, 32, 8, 0, 131072, 128, 0, "",
     "layer_norm_epsilon=1e-05 layers_block_type=['mamba','moe','attention','mlp'] "
     "n_routed_experts=8 num_experts_per_tok=2 n_group=1 topk_group=1 "
     "moe_intermediate_size=7688 mamba_num_heads=128 mamba_head_dim=64 ssm_state_size=128 "
     "n_groups=8 conv_kernel=4 expand=2 moe_shared_expert_intermediate_size=7688 "
     "n_shared_experts=1 norm_topk_prob=true routed_scaling_factor=1.0 "
     "num_nextn_predict_layers=0"},
    {"ernie4_5_moe", 131072, 2560, 12288, 20, 4, 28, 103424, 0, 500000, "",
     "rms_norm_eps=1e-05 moe_intermediate_size=1536 moe_num_experts=64 moe_k=6 "
     "moe_layer_interval=1 moe_layer_start_index=1 moe_num_shared_experts=2"},
    {"minimax_m2", 196608, 3072, 1536, 48, 8, 62, 200064, 128, 5000000, "",
     "rms_norm_eps=1e-06 num_local_experts=256 num_experts_per_tok=8"},
    {"t5", 0, 0, 0, 0, 0, 0, 32128, 0, 0, "",
     "d_model=512 d_ff=2048 d_kv=64 num_layers=6 num_heads=8 num_decoder_layers=6 "
     "layer_norm_epsilon=1e-06 relative_attention_num_buckets=32"},
    {"mt5", 0, 0, 0, 0, 0, 0, 250112, 0, 0, "",
     "d_model=512 d_ff=1024 d_kv=64 num_layers=8 num_heads=6 num_decoder_layers=8 "
     "layer_norm_epsilon=1e-06 relative_attention_num_buckets=32 decoder_start_token_id=0"},
    {"umt5", 0, 0, 0, 0, 0, 0, 250112, 0, 0, "",
     "d_model=512 d_ff=1024 d_kv=64 num_layers=8 num_heads=6 num_decoder_layers=8 "
     "layer_norm_epsilon=1e-06 relative_attention_num_buckets=32 decoder_start_token_id=0"},
    {"glm4v_moe_text", 65536, 4096, 10944, 96, 8, 46, 151424, 0, 10000, "",
     "partial_rotary_factor=0.5 rms_norm_eps=1e-05 n_routed_experts=128 "
     "num_experts_per_tok=8 n_group=1 topk_group=1 moe_intermediate_size=1408 "
     "n_shared_experts=1 first_k_dense_replace=1 routed_scaling_factor=1.0 "
     "norm_topk_prob=true"},
    {"glm_ocr_text", 131072, 1024, 4096, 16, 8, 16, 59392, 0, 10000, "",
     "rms_norm_eps=1e-05"},
    {"paddleocr_vl_text", 131072, 1024, 3072, 16, 2, 18, 103424, 128, 500000, "",
     "rms_norm_eps=1e-05"},
    {"gpt_bigcode", 0, 0, 0, 0, 0, 0, 50257, 0, 0, "",
     "n_positions=1024 n_embd=768 n_head=12 layer_norm_epsilon=1e-05 n_layer=12"},
    {"glm4_moe_lite", 202752, 2048, 10240, 20, 20, 47, 154880, 0, 10000, "",
     "rms_norm_eps=1e-05 n_routed_experts=64 num_experts_per_tok=4 n_group=1 topk_group=1 "
     "moe_intermediate_size=1536 n_shared_experts=1 norm_topk_prob=true "
     "routed_scaling_factor=1.8 kv_lora_rank=512 q_lora_rank=768 qk_nope_head_dim=192 "
     "qk_rope_head_dim=64 v_head_dim=256"},
    {"deepseek_v32", 163840, 7168, 18432, 128, 128, 61, 129280, ROPE, 10000, "",
     "rms_norm_eps=1e-06 n_routed_experts=256 num_experts_per_tok=8 "
     "n_group=8 topk_group=4 moe_intermediate_size=2048 n_shared_experts=1 "
     "norm_topk_prob=true routed_scaling_factor=2.5 kv_lora_rank=512 q_lora_rank=1536 "
     "qk_nope_head_dim=128 qk_rope_head_dim=64 v_head_dim=128 first_k_dense_replace=3 "
     "index_head_dim=128 index_n_heads=64 index_topk=2048"},
    {"glm_moe_dsa", 202752, 6144, 12288, 64, 64, 78, 154880, ROPE, 10000, "",
     "rms_norm_eps=1e-05 n_routed_experts=256 num_experts_per_tok=8 n_group=1 topk_group=1 "
     "moe_intermediate_size=2048 n_shared_experts=1 norm_topk_prob=true "
     "routed_scaling_factor=2.5 kv_lora_rank=512 q_lora_rank=2048 qk_nope_head_dim=192 "
     "qk_rope_head_dim=64 v_head_dim=256 first_k_dense_replace=3 "
     "index_head_dim=128 index_n_heads=32 index_topk=2048"},
    {"glm4v_text", 32768, 4096, 13696, 32, 2, 40, 151552, 0, 10000, "",
     "rms_norm_eps=1e-05"},
    {"qwen2_vl_text", 32768, 8192, 29568, 64, 8, 80, 152064, 0, 1000000, "F",
     "rms_norm_eps=1e-05"},
    {"qwen3_5_moe_text", 32768, 2048, 0, 16, 2, 40, 248320, 256, 10000, "LLLF",
     "partial_rotary_factor=0.25 rms_norm_eps=1e-06 num_experts=256 num_experts_per_tok=8 "
     "moe_intermediate_size=512 shared_expert_intermediate_size=512 "
     "linear_conv_kernel_dim=4 linear_key_head_dim=128 linear_num_key_heads=16 "
     "linear_num_value_heads=32 linear_value_head_dim=128"},
    {"siglip_vision_model", 0, 768, 3072, 12, 0, 12, 0, 0, 0, "",
     "layer_norm_eps=1e-06 patch_size=16 image_size=224 num_channels=3 "
     "hidden_act='gelu_pytorch_tanh'"},
    {"qwen2_5_vl_vision", 0, 3584, 3420, 0, 0, 0, 0, 0, 0, "",
     "num_heads=16 depth=32 patch_size=14 out_hidden_size=3584 spatial_merge_size=2 "
     "temporal_patch_size=2 fullatt_block_indexes=[7,15,23,31] window_size=112 "
     "hidden_act='silu'"},
    {"qwen3_vl_vision", 0, 1152, 4304, 0, 0, 0, 0, 0, 0, "",
     "num_heads=16 depth=27 patch_size=16 out_hidden_size=3584 spatial_merge_size=2 "
     "temporal_patch_size=2 num_position_embeddings=2304 "
     "deepstack_visual_indexes=[8,16,24] hidden_act='gelu_pytorch_tanh'"},
    {"glm4v_vision", 0, 1536, 13696, 0, 0, 0, 0, 0, 0, "",
     "num_heads=12 depth=24 patch_size=14 image_size=336 rms_norm_eps=1e-05 "
     "out_hidden_size=4096 spatial_merge_size=2 temporal_patch_size=2 hidden_act='silu'"},
    {"pixtral", 0, 1024, 4096, 16, 0, 24, 0, 64, 10000, "",
     "patch_size=16 image_size=1024 num_channels=3 hidden_act='gelu'"},
    {"gemma4_vision", 131072, 768, 3072, 12, 12, 16, 0, 64, 100, "",
     "rms_norm_eps=1e-06 hidden_activation='gelu_pytorch_tanh' patch_size=16"},
    {"llama4_vision_model", 0, 768, 5632, 16, 0, 34, 0, 0, 10000, "",
     "norm_eps=1e-05 patch_size=14 image_size=448 num_channels=3 pixel_shuffle_ratio=0.5 "
     "hidden_act='gelu'"},
    {"idefics3_vision", 0, 1152, 3072, 16, 0, 12, 0, 0, 0, "",
     "layer_norm_eps=1e-06 patch_size=32 image_size=224 num_channels=3 "
     "hidden_act='gelu_pytorch_tanh'"},
    {"qwen2_vl_vision", 0, 3584, 0, 0, 0, 0, 0, 0, 0, "",
     "num_heads=16 depth=32 patch_size=14 embed_dim=1280 spatial_merge_size=2 "
     "temporal_patch_size=2 hidden_act='quick_gelu'"},
};
/* clang-format on */

/* Composite models whose text part has a class of another name. */
static const char *const composites[] = {"glm4v", "glm4v_moe",   "idefics3", "lfm2_vl",
                                         "llava", "qwen2_audio", "qwen2_vl", "smolvlm"};

static const struct defaults *find(const char *model_type)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].model_type, model_type) == 0)
            return &table[i];
    return NULL;
}

/* The class of a part of a model: by the type alone or with what such parts have behind it. */
static const struct defaults *find_part(const char *model_type, const char *end)
{
    char name[64];

    if (strlen(model_type) + strlen(end) >= sizeof(name))
        return NULL;
    strcpy(name, model_type);
    strcat(name, end);
    return find(name);
}

static const struct defaults *find_text(const char *model_type)
{
    const struct defaults *defaults = find(model_type);

    return defaults ? defaults : find_part(model_type, "_text");
}

static const struct defaults *find_vision(const char *model_type)
{
    /* What a composite has where its vision part names no class. */
    static const struct {
        const char *model_type, *vision;
    } parts[] = {{"gemma3", "siglip_vision_model"},
                 {"llama4", "llama4_vision_model"},
                 {"mistral3", "pixtral"},
                 {"qwen3_5", "qwen3_vl_vision"},
                 {"qwen3_5_moe", "qwen3_vl_vision"},
                 {"qwen3_vl_moe", "qwen3_vl_vision"},
                 {"smolvlm", "idefics3_vision"}, /* of the same values */
                 {"smolvlm_vision", "idefics3_vision"}};
    const struct defaults *defaults = find_part(model_type, "_vision");

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !defaults; i++)
        if (strcmp(parts[i].model_type, model_type) == 0)
            defaults = find(parts[i].vision);
    return defaults ? defaults : find(model_type);
}

bool hf_config_known(const char *model_type)
{
    for (size_t i = 0; i < sizeof(composites) / sizeof(composites[0]); i++)
        if (strcmp(composites[i], model_type) == 0)
            return true;
    return find_text(model_type) != NULL;
}

bool hf_config_two_ropes(const char *model_type)
{
    const struct defaults *defaults = find_text(model_type);

    return defaults && (strstr(defaults->more, "rope_local_base_freq=") ||
                        strstr(defaults->more, "local_rope_theta="));
}

/* --- filling ------------------------------------------------------------------------------------
 */

/* Takes the value. A member that is null is there: the file says "none". */
static int fill(json_t *values, const char *name, json_t *value)
{
    int r = value ? 0 : -ENOMEM;

    if (r == 0 && !json_object_get(values, name))
        r = json_object_set(values, name, value) == 0 ? 0 : -ENOMEM;
    json_decref(value);
    return r;
}

static int fill_count(json_t *values, const char *name, int value)
{
    return value > 0 ? fill(values, name, json_integer(value)) : 0;
}

/* As fill(), but null is nothing either. */
static int fill_null(json_t *values, const char *name, uint64_t value)
{
    if (json_is_null(json_object_get(values, name)))
        (void)json_object_del(values, name);
    return fill(values, name, json_integer((json_int_t)value));
}

static bool has_rope(const json_t *values)
{
    return json_member(values, "rope_parameters") || json_member(values, "rope_scaling");
}

static int fill_more(json_t *values, const char *more)
{
    char text[TOKENS_MAX], *value;
    size_t length;
    int r = 0;

    while (*more && r == 0) {
        length = strcspn(more, " ");
        if (length >= sizeof(text))
            return -ENOMEM; /* the table's own fault; its test sees it */
        memcpy(text, more, length);
        text[length] = '\0';
        for (char *at = text; *at; at++)
            if (*at == '\'')
                *at = '"';
        value = strchr(text, '=');
        if (!value)
            return -ENOMEM;
        *value++ = '\0';
        if (strcmp(text, "rope_parameters") != 0 || !has_rope(values))
            r = fill(values, text, json_constant(value));
        more += length;
        more += strspn(more, " ");
    }
    return r;
}

/* What follows from other values. */
static int fill_derived(json_t *values, const struct defaults *defaults)
{
    uint64_t heads = 0, hidden = 0, rope, rest;
    bool sized;
    int r = 0;

    sized = json_as_u64(json_member(values, "num_attention_heads"), &heads) && heads > 0 &&
            json_as_u64(json_member(values, "hidden_size"), &hidden);
    if (defaults->kv_heads > 0)
        r = fill_count(values, "num_key_value_heads", defaults->kv_heads);
    if (r == 0 && defaults->kv_heads != 0 && heads > 0)
        r = fill_null(values, "num_key_value_heads", heads);
    if (r == 0 && defaults->head_dim == SHARED && sized)
        r = fill_null(values, "head_dim", hidden / heads);
    if (r == 0 && defaults->head_dim == ROPE &&
        json_as_u64(json_member(values, "qk_rope_head_dim"), &rope))
        r = fill_null(values, "head_dim", rope);
    if (r == 0 && defaults->head_dim == LATENT &&
        json_as_u64(json_member(values, "qk_rope_head_dim"), &rope) &&
        json_as_u64(json_member(values, "qk_nope_head_dim"), &rest) &&
        !__builtin_add_overflow(rope, rest, &rope) && rope <= INT32_MAX)
        r = fill_null(values, "head_dim", rope);
    return r == 0 ? fill_count(values, "head_dim", defaults->head_dim) : r;
}

static const char *layer_type(char letter)
{
    switch (letter) {
    case 'F':
        return "full_attention";
    case 'S':
        return "sliding_attention";
    case 'L':
        return "linear_attention";
    case 'C':
        return "chunked_attention";
    default:
        return "mamba";
    }
}

/* The letters' period where the file names another one: every n-th layer is full. */
static uint64_t layers_period(const json_t *values, const char *letters, size_t length)
{
    static const char *const names[] = {"full_attention_interval", "sliding_window_pattern"};
    uint64_t period;

    if (length < 2 || letters[length - 1] != 'F')
        return length;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_as_u64(json_member(values, names[i]), &period) && period > 0)
            return period;
    return length;
}

static int fill_layers(json_t *values, const char *letters)
{
    size_t length = strcspn(letters, "!");
    json_t *list;
    uint64_t count, period;
    char letter;
    int r = 0;

    if (length == 0 || json_member(values, "layer_types") ||
        !json_as_u64(json_member(values, "num_hidden_layers"), &count) || count > LAYERS_MAX)
        return 0;
    list = json_array();
    period = layers_period(values, letters, length);
    for (uint64_t i = 0; i < count && list && r == 0; i++) {
        letter = letters[i % length];
        if (letters[length - 1] == 'F')
            letter = i % period == period - 1 ? 'F' : letters[0];
        if (letters[length] == '!' && i == count - 1)
            letter = 'F';
        r = json_array_append_new(list, json_string(layer_type(letter)));
    }
    if (list && r == 0 && json_object_set(values, "layer_types", list) == 0) {
        json_decref(list);
        return 0;
    }
    json_decref(list);
    return -ENOMEM;
}

static int fill_from(json_t *values, const struct defaults *defaults)
{
    int r;

    if (!defaults)
        return 0;
    r = fill_count(values, "max_position_embeddings", defaults->context);
    if (r == 0)
        r = fill_count(values, "hidden_size", defaults->hidden);
    if (r == 0)
        r = fill_count(values, "intermediate_size", defaults->ffn);
    if (r == 0)
        r = fill_count(values, "num_attention_heads", defaults->heads);
    if (r == 0)
        r = fill_count(values, "num_hidden_layers", defaults->layers);
    if (r == 0)
        r = fill_count(values, "vocab_size", defaults->vocab);
    if (r == 0)
        r = fill_more(values, defaults->more);
    if (r == 0 && defaults->theta > 0)
        r = fill(values, "rope_theta", json_real(defaults->theta));
    if (r == 0)
        r = fill_derived(values, defaults);
    return r == 0 ? fill_layers(values, defaults->layers_of) : r;
}

int hf_config_fill(json_t *values, const char *model_type)
{
    return fill_from(values, find_text(model_type));
}

int hf_config_fill_vision(json_t *values, const char *model_type)
{
    return fill_from(values, find_vision(model_type));
}
