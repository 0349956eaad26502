#include "quant/format/hf/arch.h"

#include <string.h>

/* The pages of the table. */
static const struct hf_arch *const pages[] = {
    hf_arch_llama,    hf_arch_qwen,  hf_arch_qwen_linear, hf_arch_gemma, hf_arch_gemma_late,
    hf_arch_deepseek, hf_arch_glm,   hf_arch_gptoss,      hf_arch_phi,   hf_arch_bert,
    hf_arch_lfm,      hf_arch_mamba, hf_arch_falcon,      hf_arch_t5,    hf_arch_others,
    hf_arch_more,     hf_arch_ernie,
};

/* Is the word one of those of a list separated by blanks? */
static bool among(const char *word, const char *list)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)) != NULL; at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static const struct hf_arch *find_on(const struct hf_arch *page, const struct hf_config *config)
{
    const char *class_name = hf_config_architecture(config);

    for (const struct hf_arch *arch = page; *class_name && arch->name; arch++)
        if (among(class_name, arch->classes) && (!arch->fits || arch->fits(config)))
            return arch;
    return NULL;
}

const struct hf_arch *hf_arch_find(const struct hf_config *config)
{
    const struct hf_arch *arch = NULL;

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]) && !arch; i++)
        arch = find_on(pages[i], config);
    return arch;
}

const struct hf_arch *hf_arch_find_vision(const struct hf_config *config)
{
    const struct hf_arch *arch = find_on(hf_arch_towers, config);

    return arch ? arch : find_on(hf_arch_visual, config);
}

void hf_arch_list(char *text, size_t size)
{
    static const char more[] = " ...";
    size_t length = 0, part;

    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
        for (const struct hf_arch *arch = pages[i]; arch->name; arch++) {
            part = strlen(arch->classes) + (length > 0);
            if (length + part + sizeof(more) > size) {
                (void)snprintf(text + length, size - length, "%s", more);
                return;
            }
            (void)snprintf(text + length, size - length, "%s%s", length ? " " : "", arch->classes);
            length += part;
        }
}
