#include "fs/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

/* Jobs that do not convert block on files: so many of them may wait while conversions go on. */
#define OTHER_MAX 8
#define ORDERS (POOL_AHEAD + 1)

struct job_list {
    struct pool_job *first, *last;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* protected by lock */
    struct job_list queue[ORDERS];
    unsigned converting;
    unsigned others;
    bool stop;
    /* constant */
    unsigned cores;
    unsigned thread_count;
    pthread_t threads[];
};

static void list_append(struct job_list *list, struct pool_job *job)
{
    job->next = NULL;
    job->prev = list->last;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
}

static void list_remove(struct job_list *list, struct pool_job *job)
{
    if (job->prev)
        job->prev->next = job->next;
    else
        list->first = job->next;
    if (job->next)
        job->next->prev = job->prev;
    else
        list->last = job->prev;
    job->next = job->prev = NULL;
}

/* The job that may run now and comes first, or NULL. Called with the lock. */
static struct pool_job *first_runnable(const struct pool *pool)
{
    if (pool->others < OTHER_MAX && pool->queue[POOL_READY].first)
        return pool->queue[POOL_READY].first;
    if (pool->converting < pool->cores) {
        if (pool->queue[POOL_DEMANDED].first)
            return pool->queue[POOL_DEMANDED].first;
        return pool->queue[POOL_AHEAD].first;
    }
    return NULL;
}

/* A thread that is woken finds the lock free. */
static void unlock_and_wake(struct pool *pool, bool wake)
{
    pthread_mutex_unlock(&pool->lock);
    if (wake)
        pthread_cond_signal(&pool->work);
}

static void run_first(struct pool *pool, struct pool_job *job)
{
    unsigned *running = job->order == POOL_READY ? &pool->others : &pool->converting;

    list_remove(&pool->queue[job->order], job);
    job->queued = false;
    (*running)++;
    /* One wake-up may have been spent on this thread while two jobs can run. */
    unlock_and_wake(pool, first_runnable(pool) != NULL);
    job->run(job);
    pthread_mutex_lock(&pool->lock);
    (*running)--;
}

static void *worker(void *argument)
{
    struct pool *pool = argument;
    struct sched_param normal = {.sched_priority = 0};

    /* Long computations: no wake-up preemption of whoever is interactive. Failing costs manners
     * only. */
    (void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &normal);
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop) {
        struct pool_job *job = first_runnable(pool);

        if (job)
            run_first(pool, job);
        else
            pthread_cond_wait(&pool->work, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void stop_threads(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
}

int pool_new(unsigned cores, struct pool **out)
{
    unsigned count = cores + OTHER_MAX;
    struct pool *pool = calloc(1, sizeof(*pool) + count * sizeof(pool->threads[0]));
    sigset_t all, before;
    int r = 0;

    if (!pool)
        return -ENOMEM;
    pool->cores = cores;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    /* Signals are for the thread that waits for them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (r == 0 && pool->thread_count < count) {
        r = -pthread_create(&pool->threads[pool->thread_count], NULL, worker, pool);
        if (r == 0)
            pool->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r < 0) {
        pool_free(pool);
        return r;
    }
    *out = pool;
    return 0;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    stop_threads(pool);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void pool_add(struct pool *pool, struct pool_job *job, enum pool_order order)
{
    pthread_mutex_lock(&pool->lock);
    job->order = order;
    job->queued = true;
    list_append(&pool->queue[order], job);
    unlock_and_wake(pool, first_runnable(pool) != NULL);
}

void pool_move(struct pool *pool, struct pool_job *job, enum pool_order order)
{
    bool moved;

    pthread_mutex_lock(&pool->lock);
    moved = job->queued && job->order != order;
    if (moved) {
        list_remove(&pool->queue[job->order], job);
        job->order = order;
        list_append(&pool->queue[order], job);
    }
    unlock_and_wake(pool, moved && first_runnable(pool));
}

bool pool_remove(struct pool *pool, struct pool_job *job)
{
    bool queued;

    pthread_mutex_lock(&pool->lock);
    queued = job->queued;
    if (queued) {
        list_remove(&pool->queue[job->order], job);
        job->queued = false;
    }
    pthread_mutex_unlock(&pool->lock);
    return queued;
}
