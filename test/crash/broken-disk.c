/*
 * A disk with errors: while the file $BREAK_SWITCH is there, calls on files whose path ends in data.mdb fail as its text says, one
 * word of each: "meta" (the synchronous descriptor that LMDB writes its meta page with), "page" or "sync", then the errno's number.
 * "stall" makes a sync wait until the file is gone; "lock" makes the locks fail that processes share.
 * Preloaded into a process by broken-disk.test.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int ordered(const char *what) {
  char text[64] = "", word[16];
  int number;
  const char *file = getenv("BREAK_SWITCH");
  if (!file) return 0;
  int handle = open(file, O_RDONLY | O_CLOEXEC);
  if (handle < 0) return 0;
  ssize_t got = read(handle, text, sizeof text - 1);
  close(handle);
  if (got <= 0 || sscanf(text, "%15s %d", word, &number) != 2 || strcmp(word, what) != 0) return 0;
  errno = number;
  return 1;
}

static int breaks(const char *what, int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 8 || strncmp(path + length - 8, "data.mdb", 8) != 0) return 0;
  return ordered(what);
}

static const char *kind(int fd) { return fcntl(fd, F_GETFL) & O_DSYNC ? "meta" : "page"; }

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
  return breaks(kind(fd), fd) ? -1 : REAL(pwrite)(fd, data, length, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  return breaks(kind(fd), fd) ? -1 : REAL(pwrite64)(fd, data, length, offset);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return breaks(kind(fd), fd) ? -1 : REAL(pwritev)(fd, parts, count, offset);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return breaks(kind(fd), fd) ? -1 : REAL(pwritev64)(fd, parts, count, offset);
}
ssize_t write(int fd, const void *data, size_t length) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = REAL(write);
  return fd > 2 && breaks(kind(fd), fd) ? -1 : real(fd, data, length);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  static ssize_t (*real)(int, const struct iovec *, int);
  if (!real) real = REAL(writev);
  return fd > 2 && breaks(kind(fd), fd) ? -1 : real(fd, parts, count);
}
int fdatasync(int fd) {
  while (breaks("stall", fd)) usleep(10000);
  return breaks("sync", fd) ? -1 : REAL(fdatasync)(fd);
}
int pthread_mutex_lock(pthread_mutex_t *mutex) {
  static int (*real)(pthread_mutex_t *);
  if (!real) real = REAL(pthread_mutex_lock);
  int isShared = mutex->__data.__kind & 128;
  return isShared && ordered("lock") ? errno : real(mutex);
}
