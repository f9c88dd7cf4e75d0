/*
 * Lets calls to the system fail for a while, as a sick or full disk and a full table of descriptors do. Preloaded into every process of
 * a world of kills; what fails, how and how long stands in a file of 64 octets ($CRASH_CONTROL) that the test writes while they run.
 *
 * $CRASH_FOLDER: calls on files fail only below it. $CRASH_LEASH: the process ends when that parent does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, TRUNCATE = 4, OPEN = 8, SOCKET = 16, ACCEPT = 32, PIPE = 64 };
enum { GROWING = 1, META = 2, META_END = 8192 };

struct control {
  /* Nanoseconds of CLOCK_MONOTONIC at which everything works again. */
  volatile uint64_t until;
  volatile uint32_t calls;
  volatile int32_t error;
  /* So many calls fail; below zero: all of them. */
  volatile int32_t left;
  /* So many calls go well before. */
  volatile int32_t skip;
  volatile uint32_t hits;
  /* 1: a full disk, what is there already may be written over. 2: only the first octets of files fail, where LMDB has its meta pages. */
  volatile uint32_t place;
};

static struct control *control;
static const char *folder;
static size_t folder_length;

__attribute__((constructor)) static void begin(void) {
  const char *leash = getenv("CRASH_LEASH");
  if (leash && getppid() == atoi(leash)) prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char *path = getenv("CRASH_CONTROL");
  folder = getenv("CRASH_FOLDER");
  if (!path || !folder) return;
  folder_length = strlen(folder);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) control = map;
}

static int below(int fd) {
  char name[32], path[4096];
  char digits[16];
  int count = 0;
  for (int rest = fd; count == 0 || rest > 0; rest /= 10) digits[count++] = (char)('0' + rest % 10);
  memcpy(name, "/proc/self/fd/", 14);
  for (int i = 0; i < count; i++) name[14 + i] = digits[count - 1 - i];
  name[14 + count] = 0;
  ssize_t length = readlink(name, path, sizeof path - 1);
  return length >= (ssize_t)folder_length && memcmp(path, folder, folder_length) == 0;
}

static int is_due(uint32_t call) {
  if (!control || control->until == 0 || !(control->calls & call)) return 0;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec < control->until;
}

static int hit(void) {
  if (control->skip > 0 && __atomic_fetch_sub(&control->skip, 1, __ATOMIC_SEQ_CST) > 0) return 0;
  if (control->left == 0) return 0;
  if (control->left > 0 && __atomic_fetch_sub(&control->left, 1, __ATOMIC_SEQ_CST) <= 0) return 0;
  __atomic_fetch_add(&control->hits, 1, __ATOMIC_SEQ_CST);
  errno = control->error;
  return 1;
}

static int fails(uint32_t call) { return is_due(call) && hit(); }

static int fails_on(uint32_t call, int fd, int64_t end) {
  if (!is_due(call) || !below(fd)) return 0;
  struct stat status;
  if (control->place == GROWING && (end < 0 || (fstat(fd, &status) == 0 && end <= status.st_size))) return 0;
  if (control->place == META && end > META_END) return 0;
  return hit();
}

static int64_t length_of(const struct iovec *parts, int count) {
  int64_t sum = 0;
  for (int i = 0; i < count; i++) sum += (int64_t)parts[i].iov_len;
  return sum;
}

static int64_t position(int fd) {
  if (!control || control->until == 0) return 0;
  int saved = errno;
  struct stat status;
  int isAppend = (fcntl(fd, F_GETFL) & O_APPEND) != 0;
  int64_t at = isAppend && fstat(fd, &status) == 0 ? status.st_size : lseek(fd, 0, SEEK_CUR);
  errno = saved;
  return at < 0 ? 0 : at;
}

#define REAL(name)                                          \
  static __typeof__(&name) real;                            \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);

ssize_t write(int fd, const void *data, size_t length) {
  REAL(write)
  return fails_on(WRITE, fd, position(fd) + (int64_t)length) ? -1 : real(fd, data, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(writev)
  return fails_on(WRITE, fd, position(fd) + length_of(parts, count)) ? -1 : real(fd, parts, count);
}

#define PWRITE(name, type)                                             \
  ssize_t name(int fd, const void *data, size_t length, type offset) { \
    REAL(name)                                                         \
    return fails_on(WRITE, fd, offset + (int64_t)length) ? -1 : real(fd, data, length, offset); \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define PWRITEV(name, type)                                                 \
  ssize_t name(int fd, const struct iovec *parts, int count, type offset) { \
    REAL(name)                                                              \
    return fails_on(WRITE, fd, offset + length_of(parts, count)) ? -1 : real(fd, parts, count, offset); \
  }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define SYNCS(name)                                  \
  int name(int fd) {                                 \
    REAL(name)                                       \
    return fails_on(SYNC, fd, -1) ? -1 : real(fd);   \
  }
SYNCS(fsync)
SYNCS(fdatasync)

int msync(void *at, size_t length, int flags) {
  REAL(msync)
  return control && control->place != GROWING && fails(SYNC) ? -1 : real(at, length, flags);
}

#define TRUNC(name, type)                                        \
  int name(int fd, type length) {                                \
    REAL(name)                                                   \
    return fails_on(TRUNCATE, fd, length) ? -1 : real(fd, length); \
  }
TRUNC(ftruncate, off_t)
TRUNC(ftruncate64, off64_t)

#define OPENS(name)                                               \
  int name(const char *path, int flags, ...) {                    \
    REAL(name)                                                    \
    va_list list;                                                 \
    va_start(list, flags);                                        \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0; \
    va_end(list);                                                 \
    return fails(OPEN) ? -1 : real(path, flags, mode);            \
  }
OPENS(open)
OPENS(open64)

int socket(int domain, int type, int protocol) {
  REAL(socket)
  return fails(SOCKET) ? -1 : real(domain, type, protocol);
}

int accept(int fd, struct sockaddr *address, socklen_t *length) {
  REAL(accept)
  return fails(ACCEPT) ? -1 : real(fd, address, length);
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
  REAL(accept4)
  return fails(ACCEPT) ? -1 : real(fd, address, length, flags);
}

int socketpair(int domain, int type, int protocol, int pair[2]) {
  REAL(socketpair)
  return fails(PIPE) ? -1 : real(domain, type, protocol, pair);
}

int pipe2(int pair[2], int flags) {
  REAL(pipe2)
  return fails(PIPE) ? -1 : real(pair, flags);
}
