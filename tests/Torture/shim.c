// Preloaded into the host under torture: records what it does to the files under one folder, in the order in which it was done, and makes some of
// it fail. The record is what a power cut is played from: what had not been fsynced may be lost (PowerCut.cs).
//
//   TORTURE_ROOT   the folder, absolute
//   TORTURE_LOG    where records are appended
//   TORTURE_FAULT  kind:first:count, kind one of enospc, eio-write, eio-sync: the operations of that kind numbered first … first+count-1 fail
//   TORTURE_CONTROL  a file that the test changes meanwhile (struct control): object files older than a moment cannot be read, and the disk has so much room
//
// A record: op (1 byte), error (1), 2 bytes 0, payload length (4), id (8), a (8), payload. Little endian, as the machine.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, RENAME, LINK, UNLINK, MAKE_FOLDER, REMOVE_FOLDER };
enum { FDS = 65536, NAME = 4096 };

struct record { uint8_t op, error; uint16_t zero; uint32_t length; uint64_t id; int64_t a; };
struct tracked { uint64_t id; char *path; };

// unreadable_before: reading an object file that was last written before this moment (ns since 1970) fails with EIO, as on a disk with bad sectors; 0: none.
// limited: 1 while the disk has only the room (bytes) that is left, which grows when files are removed. refused: writes that found none.
struct control { int64_t unreadable_before, limited, room, unread, refused; };

static struct tracked tracked[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[NAME];
static size_t root_length;
static int log_fd = -1;
static uint64_t next_id = 1;
static char fault_kind[16];
static struct control nothing, *control = &nothing;
static long fault_first, fault_count, writes_seen, syncs_seen;

__attribute__((constructor)) static void start(void) {
    const char *r = getenv("TORTURE_ROOT"), *l = getenv("TORTURE_LOG"), *f = getenv("TORTURE_FAULT");
    if (!r || !l || strlen(r) >= NAME) return;
    strcpy(root, r);
    root_length = strlen(root);
    const char *c = getenv("TORTURE_CONTROL");
    int fd = c ? syscall(SYS_openat, AT_FDCWD, c, O_RDWR | O_CLOEXEC, 0) : -1;
    void *shared = fd >= 0 ? mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (shared != MAP_FAILED) control = shared;
    if (f) sscanf(f, "%15[^:]:%ld:%ld", fault_kind, &fault_first, &fault_count);
    log_fd = syscall(SYS_openat, AT_FDCWD, l, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int ends(const char *path, const char *end) {
    size_t a = strlen(path), b = strlen(end);
    return a >= b && strcmp(path + a - b, end) == 0;
}

// The shared-memory index of SQLite's log is made anew at each start; lock files hold nothing.
static int ours(const char *path) {
    if (log_fd < 0 || !path || strncmp(path, root, root_length) != 0 || (path[root_length] != '/' && path[root_length] != 0)) return 0;
    return !ends(path, "-shm") && !ends(path, "/lock");
}

static struct tracked *of(int fd) { return fd >= 0 && fd < FDS && tracked[fd].path ? &tracked[fd] : NULL; }

static void put(uint8_t op, int error, uint64_t id, int64_t a, const struct iovec *parts, int count) {
    struct iovec all[1026];
    struct record head = { op, (uint8_t)(error > 255 ? 255 : error), 0, 0, id, a };
    int n = 1;
    for (int i = 0; i < count && n < 1026; i++) {
        all[n++] = parts[i];
        head.length += parts[i].iov_len;
    }
    all[0] = (struct iovec){ &head, sizeof head };
    pthread_mutex_lock(&lock);
    for (int first = 0; first < n;) {
        ssize_t done = syscall(SYS_writev, log_fd, all + first, n - first > 1024 ? 1024 : n - first);
        if (done < 0) { if (errno == EINTR) continue; break; }
        while (first < n && (size_t)done >= all[first].iov_len) done -= all[first++].iov_len;
        if (first < n) { all[first].iov_base = (char *)all[first].iov_base + done; all[first].iov_len -= done; }
    }
    pthread_mutex_unlock(&lock);
}

static void put_bytes(uint8_t op, int error, uint64_t id, int64_t a, const void *bytes, size_t length) {
    struct iovec part = { (void *)bytes, length };
    put(op, error, id, a, &part, length > 0 ? 1 : 0);
}

static void put_two(uint8_t op, const char *from, const char *to) {
    struct iovec parts[] = { { (void *)from, strlen(from) + 1 }, { (void *)to, strlen(to) } };
    put(op, 0, 0, 0, parts, 2);
}

static int falls(const char *kind, long number) { return strcmp(fault_kind, kind) == 0 && number >= fault_first && number < fault_first + fault_count; }

// -1: goes through. 0: fails without a byte. 1: half of it is written.
static int write_fault(void) {
    if (!fault_kind[0]) return -1;
    long number = __sync_fetch_and_add(&writes_seen, 1);
    if (falls("enospc", number)) { errno = ENOSPC; return number & 1; }
    if (falls("eio-write", number)) { errno = EIO; return 0; }
    return -1;
}

static int64_t blocks_of(int fd) { struct stat s; return fstat(fd, &s) == 0 ? (int64_t)s.st_blocks * 512 : 0; }

// What a file takes that goes when its last name does.
static int64_t blocks_at(const char *path) { struct stat s; return lstat(path, &s) == 0 && S_ISREG(s.st_mode) && s.st_nlink == 1 ? (int64_t)s.st_blocks * 512 : 0; }

static void freed(int64_t bytes) { if (control->limited && bytes != 0) __sync_fetch_and_add(&control->room, bytes); }

// How much of a write goes through: all of it where it only overwrites; -1 with ENOSPC when there is no room at all.
static ssize_t fits(int fd, size_t length, int64_t at) {
    struct stat s;
    if (!control->limited || fstat(fd, &s) != 0) return length;
    int64_t held = (int64_t)s.st_blocks * 512, end = (at < 0 ? s.st_size : at) + (int64_t)length, room = control->room;
    if (end <= held || end - held <= room) return length;
    int64_t some = (int64_t)length - (end - held) + (room > 0 ? room : 0);
    if (some > 0) return some;
    __sync_fetch_and_add(&control->refused, 1);
    errno = ENOSPC;
    return -1;
}

static void took(int fd, int64_t before) {
    int saved = errno;
    freed(before - blocks_of(fd));
    errno = saved;
}

static int unreadable(int fd) {
    struct tracked *file = of(fd);
    struct stat s;
    if (!file || !control->unreadable_before || !strstr(file->path + root_length, "/objects") || fstat(fd, &s) != 0) return 0;
    if (s.st_mtim.tv_sec * 1000000000LL + s.st_mtim.tv_nsec >= control->unreadable_before) return 0;
    __sync_fetch_and_add(&control->unread, 1);
    errno = EIO;
    return 1;
}

static int64_t room_left(int64_t truly) { return control->limited ? (control->room > 0 ? control->room : 0) : truly; }

int statvfs(const char *path, struct statvfs *to) {
    static int (*real)(const char *, struct statvfs *);
    if (!real) real = dlvsym(RTLD_NEXT, "statvfs", "GLIBC_2.2.5");
    int result = real(path, to);
    if (result == 0) to->f_bavail = room_left((int64_t)to->f_bavail * to->f_frsize) / to->f_frsize;
    return result;
}

int statfs(const char *path, struct statfs *to) {
    int result = syscall(SYS_statfs, path, to);
    if (result == 0) to->f_bavail = room_left((int64_t)to->f_bavail * to->f_bsize) / to->f_bsize;
    return result;
}

int statvfs64(const char *path, struct statvfs64 *to) { return statvfs(path, (struct statvfs *)to); }

int statfs64(const char *path, struct statfs64 *to) { return statfs(path, (struct statfs *)to); }

ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) { return unreadable(fd) ? -1 : syscall(SYS_pread64, fd, bytes, length, at); }

ssize_t pread(int fd, void *bytes, size_t length, off_t at) { return pread64(fd, bytes, length, at); }

ssize_t preadv(int fd, const struct iovec *parts, int count, off_t at) { return unreadable(fd) ? -1 : syscall(SYS_preadv, fd, parts, count, (long)at, 0L); }

ssize_t read(int fd, void *bytes, size_t length) { return unreadable(fd) ? -1 : syscall(SYS_read, fd, bytes, length); }

static void announce(struct tracked *file, int flags) {
    if (file->id) return;
    file->id = __sync_fetch_and_add(&next_id, 1);
    put_bytes(OPEN, 0, file->id, flags, file->path, strlen(file->path));
}

static int open_at(const char *path, int flags, mode_t mode) {
    int watched = ours(path);
    if (watched && (flags & O_CREAT) && strcmp(fault_kind, "enospc") == 0 && access(path, F_OK) != 0 && write_fault() >= 0) { errno = ENOSPC; return -1; }
    if (watched && (flags & O_CREAT) && control->limited && control->room <= 0 && access(path, F_OK) != 0) { __sync_fetch_and_add(&control->refused, 1); errno = ENOSPC; return -1; }
    int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (fd < 0 || fd >= FDS) return fd;
    if (tracked[fd].path) { free(tracked[fd].path); tracked[fd] = (struct tracked){ 0, NULL }; }
    if (!watched) return fd;
    int saved = errno;
    tracked[fd] = (struct tracked){ 0, strdup(path) };
    if (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) announce(&tracked[fd], flags);
    errno = saved;
    return fd;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_at(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_at(path, flags, mode);
}

int close(int fd) {
    if (of(fd)) { char *path = tracked[fd].path; tracked[fd] = (struct tracked){ 0, NULL }; free(path); }
    return syscall(SYS_close, fd);
}

static void wrote(int fd, int64_t at, const struct iovec *parts, int count, ssize_t done) {
    struct tracked *file = of(fd);
    if (!file || done <= 0) return;
    struct iovec some[1024];
    int n = 0;
    for (ssize_t left = done; n < count && n < 1024 && left > 0; n++) {
        some[n] = parts[n];
        if ((ssize_t)some[n].iov_len > left) some[n].iov_len = left;
        left -= some[n].iov_len;
    }
    int saved = errno;
    put(WRITE, 0, file->id, at, some, n);
    errno = saved;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    if (of(fd)) {
        int fault = write_fault();
        if (fault == 0) return -1;
        if (fault == 1 && length < 2) return -1;
        if (fault == 1) length /= 2;
        ssize_t some = fits(fd, length, at);
        if (some < 0) return -1;
        length = some;
    }
    int64_t before = of(fd) && control->limited ? blocks_of(fd) : 0;
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, length, at);
    if (of(fd) && control->limited) took(fd, before);
    struct iovec part = { (void *)bytes, length };
    wrote(fd, at, &part, 1, done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) { return pwrite64(fd, bytes, length, at); }

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    if (of(fd)) {
        int fault = write_fault();
        if (fault == 0) return -1;
        if (fault == 1) count = 1;
        size_t length = 0;
        for (int i = 0; i < count; i++) length += parts[i].iov_len;
        ssize_t some = fits(fd, length, at);
        if (some < 0) return -1;
        if ((size_t)some < length) return pwrite64(fd, parts[0].iov_base, (size_t)some < parts[0].iov_len ? (size_t)some : parts[0].iov_len, at);
    }
    int64_t before = of(fd) && control->limited ? blocks_of(fd) : 0;
    ssize_t done = syscall(SYS_pwritev, fd, parts, count, (long)at, 0L);
    if (of(fd) && control->limited) took(fd, before);
    wrote(fd, at, parts, count, done);
    return done;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

ssize_t write(int fd, const void *bytes, size_t length) {
    if (of(fd)) {
        int fault = write_fault();
        if (fault == 0) return -1;
        if (fault == 1 && length < 2) return -1;
        if (fault == 1) length /= 2;
        ssize_t some = fits(fd, length, lseek(fd, 0, SEEK_CUR));
        if (some < 0) return -1;
        length = some;
    }
    int64_t before = of(fd) && control->limited ? blocks_of(fd) : 0;
    ssize_t done = syscall(SYS_write, fd, bytes, length);
    if (of(fd) && control->limited) took(fd, before);
    if (of(fd) && done > 0) {
        struct iovec part = { (void *)bytes, length };
        wrote(fd, lseek(fd, 0, SEEK_CUR) - done, &part, 1, done);
    }
    return done;
}

int ftruncate64(int fd, off64_t length) {
    int64_t before = of(fd) && control->limited ? blocks_of(fd) : 0;
    int result = syscall(SYS_ftruncate, fd, length);
    if (of(fd) && control->limited) took(fd, before);
    if (result == 0 && of(fd)) put_bytes(TRUNCATE, 0, of(fd)->id, length, NULL, 0);
    return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int sync_file(int fd, long call) {
    struct tracked *file = of(fd);
    if (!file) return syscall(call, fd);
    announce(file, O_RDONLY);
    uint64_t id = file->id;
    put_bytes(SYNC_BEGIN, 0, id, 0, NULL, 0);
    int result;
    if (fault_kind[0] && falls("eio-sync", __sync_fetch_and_add(&syncs_seen, 1))) {
        errno = EIO;
        result = -1;
    } else {
        result = syscall(call, fd);
    }
    int saved = errno;
    put_bytes(SYNC_END, result == 0 ? 0 : saved, id, 0, NULL, 0);
    errno = saved;
    return result;
}

int fsync(int fd) { return sync_file(fd, SYS_fsync); }

int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

static int rename_at(const char *from, const char *to, unsigned flags) {
    int64_t over = control->limited && ours(to) ? blocks_at(to) : 0;
    int result = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
    if (result == 0) freed(over);
    if (result == 0 && (ours(from) || ours(to))) put_two(RENAME, from, to);
    return result;
}

int rename(const char *from, const char *to) { return rename_at(from, to, 0); }

int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    return a == AT_FDCWD && b == AT_FDCWD ? rename_at(from, to, flags) : (int)syscall(SYS_renameat2, a, from, b, to, flags);
}

int link(const char *from, const char *to) {
    int result = syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    if (result == 0 && (ours(from) || ours(to))) put_two(LINK, from, to);
    return result;
}

int unlink(const char *path) {
    int64_t gone = control->limited && ours(path) ? blocks_at(path) : 0;
    int result = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (result == 0) freed(gone);
    if (result == 0 && ours(path)) put_bytes(UNLINK, 0, 0, 0, path, strlen(path));
    return result;
}

int mkdir(const char *path, mode_t mode) {
    int result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (result == 0 && ours(path)) put_bytes(MAKE_FOLDER, 0, 0, 0, path, strlen(path));
    return result;
}

int rmdir(const char *path) {
    int result = syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
    if (result == 0 && ours(path)) put_bytes(REMOVE_FOLDER, 0, 0, 0, path, strlen(path));
    return result;
}

// The runtime finds the C library's functions by dlsym in that library, past the preloaded ones: so dlsym leads here too.
void *dlsym(void *library, const char *name) {
    static void *(*real)(void *, const char *);
    if (!real) {
        const char *versions[] = { "GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17" };
        for (int i = 0; i < 3 && !real; i++) real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", versions[i]);
        if (!real) abort();
    }
    static const struct { const char *name; void *function; } table[] = {
        { "open", open }, { "fsync", fsync }, { "fdatasync", fdatasync }, { "rename", rename }, { "renameat2", renameat2 },
        { "link", link }, { "unlink", unlink }, { "mkdir", mkdir }, { "rmdir", rmdir }, { "ftruncate", ftruncate },
    };
    if (log_fd >= 0)
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
            if (strcmp(name, table[i].name) == 0) return table[i].function;
    return real(library, name);
}
