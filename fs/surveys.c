#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "fs/survey.h"

struct surveys {
    struct survey_config config;
    pthread_mutex_t lock;
    struct survey *last; /* protected by lock: a reference, or NULL */
};

int surveys_new(const struct survey_config *config, struct surveys **out)
{
    struct surveys *surveys = calloc(1, sizeof(*surveys));

    if (!surveys)
        return -ENOMEM;
    surveys->config = *config;
    pthread_mutex_init(&surveys->lock, NULL);
    *out = surveys;
    return 0;
}

void surveys_free(struct surveys *surveys)
{
    if (!surveys)
        return;
    surveys_put(surveys->last);
    pthread_mutex_destroy(&surveys->lock);
    free(surveys);
}

void surveys_put(struct survey *survey)
{
    if (!survey || atomic_fetch_sub(&survey->users, 1) > 1)
        return;
    survey_free(survey);
    free(survey);
}

static double age_of(const struct survey *survey)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - survey->begun.tv_sec) +
           (double)(now.tv_nsec - survey->begun.tv_nsec) / 1e9;
}

static struct survey *get_last(struct surveys *surveys, double max_age)
{
    struct survey *survey;

    pthread_mutex_lock(&surveys->lock);
    survey = surveys->last && age_of(surveys->last) < max_age ? surveys->last : NULL;
    if (survey)
        atomic_fetch_add(&survey->users, 1);
    pthread_mutex_unlock(&surveys->lock);
    return survey;
}

/* Unless another one that was begun later is there already. */
static void set_last(struct surveys *surveys, struct survey *survey)
{
    struct survey *old = NULL;

    pthread_mutex_lock(&surveys->lock);
    if (!surveys->last || age_of(surveys->last) > age_of(survey)) {
        old = surveys->last;
        surveys->last = survey;
        atomic_fetch_add(&survey->users, 1);
    }
    pthread_mutex_unlock(&surveys->lock);
    surveys_put(old);
}

int surveys_get(struct surveys *surveys, double max_age, struct survey **out, bool *fresh)
{
    struct survey *survey = get_last(surveys, max_age);
    int r;

    *fresh = !survey;
    *out = survey;
    if (survey)
        return 0;
    survey = calloc(1, sizeof(*survey));
    if (!survey)
        return -ENOMEM;
    atomic_init(&survey->users, 1);
    (void)clock_gettime(CLOCK_MONOTONIC, &survey->begun);
    r = survey_tree(&surveys->config, survey);
    if (r < 0) {
        surveys_put(survey);
        return r;
    }
    set_last(surveys, survey);
    *out = survey;
    return 0;
}
