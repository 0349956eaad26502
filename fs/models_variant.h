#ifndef FS_MODELS_VARIANT_H
#define FS_MODELS_VARIANT_H

#include "fs/models.h"

/* The variants of a model, for models.c: what is known of them, and their views. For workers. */

/* Whom they are found out for; everything is the caller's. */
struct models_variants {
    struct models *models; /* for its lines in the log */
    struct log *log;
    struct model_shelf *shelf;
    bool requantize;
};

/* Why the model was refused, or, with a variant, the first one that was. Without memory there is no
 * reason. */
void models_keep_reason(struct model_record *record, const struct variant *variant, int r,
                        const struct defect *defect);

/* Can it be answered without a parsed model? */
bool models_is_known(const struct model_record *record, const struct models_question *question);

/* Fills what answer() is told with 0 but for the record. `model` may be NULL if it is known. */
void models_fill_answer(const struct models_variants *variants, struct model_record *record,
                        struct model *model, struct models_question *question);

/* Answers with names alone: all variants are there, as far as is known. */
void models_fill_names(const struct model_record *record, struct models_question *question);

#endif
