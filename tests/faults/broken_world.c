/* A library to preload: fails the Nth call of a kind on files below a folder, or moves the clock of a process.
   It reads its orders from the file named by SEQCLS_BROKEN_WORLD whenever the process forks, so that a nursery is
   whole and its children are not: "KIND NTH PERSIST ERRNO SECONDS FOLDER". KIND: write, sync, rename, create, none.
   NTH 0: fail nothing, write one byte for each call to ORDERS.count. SECONDS are added to the wall clock. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static char kind[16] = "none", folder[2048];
static long nth, persist, number, seconds, calls;
static int count_file = -1;

static void read_orders(void) {
    const char *name = getenv("SEQCLS_BROKEN_WORLD");
    char text[4096], count_name[2100];
    strcpy(kind, "none"), seconds = 0, calls = 0;
    if (!name) return;
    long file = syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
    if (file < 0) return;
    long size = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    if (size <= 0) return;
    text[size] = 0;
    if (sscanf(text, "%15s %ld %ld %ld %ld %2047s", kind, &nth, &persist, &number, &seconds, folder) != 6) strcpy(kind, "none");
    snprintf(count_name, sizeof count_name, "%s.count", name);
    count_file = nth ? -1 : (int)syscall(SYS_openat, AT_FDCWD, count_name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

__attribute__((constructor)) static void begin(void) { pthread_atfork(NULL, NULL, read_orders); }

static int struck_at(const char *what, const char *path) {
    if (strcmp(kind, what) || strncmp(path, folder, strlen(folder))) return 0;
    long call = __sync_add_and_fetch(&calls, 1);
    if (count_file >= 0) syscall(SYS_write, count_file, ".", 1);
    if (!nth || (persist ? call < nth : call != nth)) return 0;
    errno = (int)number;
    return 1;
}

static int struck(const char *what, int file) {
    char link[64], path[4096];
    if (strcmp(kind, what)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return struck_at(what, path);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int file, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return struck("write", file) ? -1 : real(file, data, size);
}
ssize_t pwrite64(int file, const void *data, size_t size, off64_t place) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return struck("write", file) ? -1 : real(file, data, size, place);
}
ssize_t pwrite(int file, const void *data, size_t size, off_t place) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return struck("write", file) ? -1 : real(file, data, size, place);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    return struck("write", file) ? -1 : real(file, parts, count);
}
int fsync(int file) {
    REAL(int, "fsync", int);
    return struck("sync", file) ? -1 : real(file);
}
int fdatasync(int file) {
    REAL(int, "fdatasync", int);
    return struck("sync", file) ? -1 : real(file);
}
int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return struck_at("rename", to) ? -1 : real(from, to);
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, "mkdir", const char *, mode_t);
    return struck_at("create", path) ? -1 : real(path, mode);
}
#define OPENING(function) \
    int function(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; va_end(rest); \
        REAL(int, #function, const char *, int, ...); \
        return (flags & O_CREAT) && struck_at("create", path) ? -1 : real(path, flags, mode); \
    }
OPENING(open)
OPENING(open64)

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(int, "clock_gettime", clockid_t, struct timespec *);
    int answer = real(clock, now);
    if (!answer && clock == CLOCK_REALTIME) now->tv_sec += seconds;
    return answer;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    REAL(int, "gettimeofday", struct timeval *restrict, void *restrict);
    int answer = real(now, zone);
    if (!answer) now->tv_sec += seconds;
    return answer;
}
time_t time(time_t *place) {
    REAL(time_t, "time", time_t *);
    time_t now = real(NULL) + seconds;
    if (place) *place = now;
    return now;
}
