/* A wall clock that a test moves: preloaded, it adds what stands in a file to CLOCK_REALTIME.
 *
 * CLOCK_MONOTONIC stays as it is, as when an administrator or NTP sets the time. The kernel does not know of it, so a
 * deadline by the moved clock is given to it by its own. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define BILLION 1000000000LL
static volatile int64_t *moved_by; /* nanoseconds */

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("MOVED_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof *moved_by, PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) moved_by = page;
    close(file);
}

static struct timespec plus(struct timespec at, int64_t sign) {
    int64_t ns = at.tv_nsec + (moved_by ? sign * *moved_by : 0) + at.tv_sec * BILLION;
    if (ns < 0) ns = 0;
    return (struct timespec){.tv_sec = ns / BILLION, .tv_nsec = ns % BILLION};
}

static int wall(clockid_t id) { return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE || id == CLOCK_TAI; }

int clock_gettime(clockid_t id, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, id, at);
    if (!failed && wall(id)) *at = plus(*at, 1);
    return failed;
}

int timespec_get(struct timespec *at, int base) {
    return base == TIME_UTC && !clock_gettime(CLOCK_REALTIME, at) ? base : 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *at = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

/* --- deadlines */

#define REAL(name, version, ...)                              \
    static int (*real)(__VA_ARGS__);                          \
    if (!real) real = dlvsym(RTLD_NEXT, name, version);       \
    if (!real) real = dlsym(RTLD_NEXT, name) /* of another C library's version */

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
    REAL("pthread_cond_timedwait", "GLIBC_2.3.2", pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec own = plus(*until, -1);
    int monotonic = cond->__data.__wrefs & 2; /* glibc's nptl/pthread_cond_common.c: __condvar_get_clock */
    return real(cond, mutex, monotonic ? until : &own);
}

int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t id, const struct timespec *until) {
    REAL("pthread_cond_clockwait", "GLIBC_2.30", pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    struct timespec own = plus(*until, -1);
    return real(cond, mutex, id, wall(id) ? &own : until);
}

int cnd_timedwait(cnd_t *restrict cond, mtx_t *restrict mutex, const struct timespec *restrict until) {
    REAL("cnd_timedwait", "GLIBC_2.34", cnd_t *, mtx_t *, const struct timespec *);
    struct timespec own = plus(*until, -1);
    return real(cond, mutex, &own);
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict until) {
    REAL("sem_timedwait", "GLIBC_2.34", sem_t *, const struct timespec *);
    struct timespec own = plus(*until, -1);
    return real(sem, &own);
}

int sem_clockwait(sem_t *restrict sem, clockid_t id, const struct timespec *restrict until) {
    REAL("sem_clockwait", "GLIBC_2.34", sem_t *, clockid_t, const struct timespec *);
    struct timespec own = plus(*until, -1);
    return real(sem, id, wall(id) ? &own : until);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
    REAL("pthread_mutex_timedlock", "GLIBC_2.34", pthread_mutex_t *, const struct timespec *);
    struct timespec own = plus(*until, -1);
    return real(mutex, &own);
}

int clock_nanosleep(clockid_t id, int flags, const struct timespec *until, struct timespec *left) {
    REAL("clock_nanosleep", "GLIBC_2.17", clockid_t, int, const struct timespec *, struct timespec *);
    struct timespec own = plus(*until, -1);
    return real(id, flags, (flags & TIMER_ABSTIME) && wall(id) ? &own : until, left);
}
