/*
 * An opening that takes its time: who has read the second meta page of a file whose path ends in data.mdb makes the file $SLOW_OPEN,
 * and goes on when it is gone. Preloaded into a process by openers.test.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than anybody but LMDB reads of a meta page. */
#define META 160

static void wait_for(const char *what, int fd, size_t length, long long offset) {
  char link[64], path[4096];
  if (!what || length <= META || length > 1024 || offset < 4096 || offset % 4096 != 0) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t got = readlink(link, path, sizeof path - 1);
  if (got < 8 || strncmp(path + got - 8, "data.mdb", 8) != 0) return;
  close(open(what, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  for (int round = 0; round < 20000 && access(what, F_OK) == 0; round++) usleep(1000);
}

ssize_t pread(int fd, void *data, size_t length, off_t offset) {
  ssize_t got = ((__typeof__(&pread))dlsym(RTLD_NEXT, "pread"))(fd, data, length, offset);
  wait_for(getenv("SLOW_OPEN"), fd, length, offset);
  return got;
}
ssize_t pread64(int fd, void *data, size_t length, off64_t offset) {
  ssize_t got = ((__typeof__(&pread64))dlsym(RTLD_NEXT, "pread64"))(fd, data, length, offset);
  wait_for(getenv("SLOW_OPEN"), fd, length, offset);
  return got;
}
