/*
 * Writes down what a process does to the files below $RECORD_FOLDER, in order and with the octets, into $RECORD_LOG: what a disk
 * would have seen, and when it was told to make it durable. Preloaded into a worker by power.test.ts.
 *
 * A record: op (1), flags (1), path length (2), offset (8), length (8), path, octets. All little endian.
 */
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
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE = 2, SYNC_BEGIN = 3, SYNC_END = 4, TRUNCATE = 5, UNLINK = 6, MKDIR = 7, DSYNC_WRITE = 8, MARK = 9, RENAME = 10 };

#define FILES 65536
static char *paths[FILES];
static unsigned char dsync[FILES];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static const char *folder;
static size_t folder_length;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
  folder = getenv("RECORD_FOLDER");
  const char *log_path = getenv("RECORD_LOG");
  if (!folder || !log_path) return;
  folder_length = strlen(folder);
  log_fd = REAL(open)(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int ours(const char *path) { return log_fd >= 0 && path && strncmp(path, folder, folder_length) == 0; }
static int known(int fd) { return fd >= 0 && fd < FILES && paths[fd]; }

static void put(const void *data, size_t length) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = REAL(write);
  for (const char *at = data; length > 0;) {
    ssize_t done = real(log_fd, at, length);
    if (done <= 0) abort();
    at += done;
    length -= (size_t)done;
  }
}

static void note(uint8_t op, const char *path, uint64_t offset, const struct iovec *parts, int count) {
  uint64_t length = 0;
  for (int i = 0; i < count; i++) length += parts[i].iov_len;
  const char *name = path + folder_length;
  uint16_t name_length = (uint16_t)strlen(name);
  unsigned char head[20] = {op, 0};
  memcpy(head + 2, &name_length, 2);
  memcpy(head + 4, &offset, 8);
  memcpy(head + 12, &length, 8);
  put(head, sizeof head);
  put(name, name_length);
  for (int i = 0; i < count; i++) put(parts[i].iov_base, parts[i].iov_len);
}

static void opened(int fd, const char *path, int flags, int existed) {
  if (fd < 0 || fd >= FILES) return;
  pthread_mutex_lock(&mutex);
  free(paths[fd]);
  paths[fd] = strdup(path);
  dsync[fd] = (flags & O_DSYNC) != 0;
  if ((flags & O_CREAT) && !existed) note(CREATE, path, 0, NULL, 0);
  if ((flags & O_TRUNC) && existed) note(TRUNCATE, path, 0, NULL, 0);
  pthread_mutex_unlock(&mutex);
}

static int existing(const char *path) {
  struct stat status;
  return stat(path, &status) == 0;
}

#define OPEN(name)                                                   \
  int name(const char *path, int flags, ...) {                       \
    va_list list;                                                    \
    va_start(list, flags);                                           \
    mode_t mode = (flags & O_CREAT) ? va_arg(list, mode_t) : 0;      \
    va_end(list);                                                    \
    int existed = ours(path) ? existing(path) : 0;                   \
    int fd = REAL(name)(path, flags, mode);                          \
    if (fd >= 0 && ours(path)) opened(fd, path, flags, existed);     \
    return fd;                                                       \
  }
OPEN(open)
OPEN(open64)

int close(int fd) {
  if (known(fd)) {
    pthread_mutex_lock(&mutex);
    free(paths[fd]);
    paths[fd] = NULL;
    pthread_mutex_unlock(&mutex);
  }
  return REAL(close)(fd);
}

/* The order in the log is the order on the file: the lock is held over both. */
static ssize_t written(int fd, uint64_t offset, const struct iovec *parts, int count, ssize_t done) {
  if (done > 0) {
    struct iovec kept[64];
    size_t left = (size_t)done;
    int used = 0;
    for (; used < count && used < 64 && left > 0; used++) {
      kept[used] = parts[used];
      if (kept[used].iov_len > left) kept[used].iov_len = left;
      left -= kept[used].iov_len;
    }
    if (left > 0) abort();
    const char *path = paths[fd];
    size_t length = strlen(path);
    int isMark = length > 5 && strcmp(path + length - 5, ".mark") == 0;
    note(isMark ? MARK : dsync[fd] ? DSYNC_WRITE : WRITE, path, offset, kept, used);
  }
  return done;
}

#define WITH_LOCK(call, offset, parts, count)                        \
  int saved;                                                         \
  pthread_mutex_lock(&mutex);                                        \
  ssize_t done = call;                                               \
  saved = errno;                                                     \
  written(fd, offset, parts, count, done);                           \
  pthread_mutex_unlock(&mutex);                                      \
  errno = saved;                                                     \
  return done;

/* Where the next octets go: at the end, of a file that was opened to be made longer. */
static uint64_t place(int fd) {
  return (uint64_t)lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
}

ssize_t write(int fd, const void *data, size_t length) {
  if (!known(fd)) return REAL(write)(fd, data, length);
  uint64_t offset = place(fd);
  struct iovec part = {(void *)data, length};
  WITH_LOCK(REAL(write)(fd, data, length), offset, &part, 1)
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (!known(fd)) return REAL(writev)(fd, parts, count);
  uint64_t offset = place(fd);
  WITH_LOCK(REAL(writev)(fd, parts, count), offset, parts, count)
}

#define PWRITE(name, type)                                           \
  ssize_t name(int fd, const void *data, size_t length, type offset) { \
    if (!known(fd)) return REAL(name)(fd, data, length, offset);     \
    struct iovec part = {(void *)data, length};                      \
    WITH_LOCK(REAL(name)(fd, data, length, offset), (uint64_t)offset, &part, 1) \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PWRITEV(name, type)                                          \
  ssize_t name(int fd, const struct iovec *parts, int count, type offset) { \
    if (!known(fd)) return REAL(name)(fd, parts, count, offset);     \
    WITH_LOCK(REAL(name)(fd, parts, count, offset), (uint64_t)offset, parts, count) \
  }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

/* What was written before a sync began is durable when it has ended; what was written meanwhile may not be. */
#define SYNC(name)                                                   \
  int name(int fd) {                                                 \
    if (!known(fd)) return REAL(name)(fd);                           \
    pthread_mutex_lock(&mutex);                                      \
    char *path = strdup(paths[fd]);                                  \
    note(SYNC_BEGIN, path, (uint64_t)fd, NULL, 0);                   \
    pthread_mutex_unlock(&mutex);                                    \
    int result = REAL(name)(fd);                                     \
    pthread_mutex_lock(&mutex);                                      \
    if (result == 0) note(SYNC_END, path, (uint64_t)fd, NULL, 0);    \
    pthread_mutex_unlock(&mutex);                                    \
    free(path);                                                      \
    return result;                                                   \
  }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNC(name, type)                                            \
  int name(int fd, type length) {                                    \
    if (known(fd)) {                                                 \
      pthread_mutex_lock(&mutex);                                    \
      note(TRUNCATE, paths[fd], (uint64_t)length, NULL, 0);          \
      pthread_mutex_unlock(&mutex);                                  \
    }                                                                \
    return REAL(name)(fd, length);                                   \
  }
TRUNC(ftruncate, off_t)
TRUNC(ftruncate64, off64_t)

static void note_path(uint8_t op, const char *path) {
  pthread_mutex_lock(&mutex);
  note(op, path, 0, NULL, 0);
  pthread_mutex_unlock(&mutex);
}

int unlink(const char *path) {
  int result = REAL(unlink)(path);
  if (result == 0 && ours(path)) note_path(UNLINK, path);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  int result = REAL(mkdir)(path, mode);
  if (result == 0 && ours(path)) note_path(MKDIR, path);
  return result;
}

int rename(const char *from, const char *to) {
  int result = REAL(rename)(from, to);
  if (result == 0 && ours(from) && ours(to)) {
    struct iovec part = {(void *)(to + folder_length), strlen(to) - folder_length};
    pthread_mutex_lock(&mutex);
    note(RENAME, from, 0, &part, 1);
    pthread_mutex_unlock(&mutex);
  }
  return result;
}
