/* A wall clock that a test sets: preloaded into redis-server, it adds the seconds that stand in the file named by
 * TEST_CLOCK to what the kernel says; behind "=" stands the second at which it rests. Clocks that only measure pass through.
 * (libfaketime clashes with Redis' allocator.) */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void set(struct timespec *now) {
    const char *path = getenv("TEST_CLOCK");
    char text[32] = {0};
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
    close(file);
    if (text[0] == '=') {
        now->tv_sec = strtol(text + 1, NULL, 10);
        now->tv_nsec = 0;
    } else {
        now->tv_sec += strtol(text, NULL, 10);
    }
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) set(now);
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0) return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}
