/* SPDX-License-Identifier: BSD-3-Clause */

/* A plugin with one bug for each sanitizer, to see that a sanitizer finds
 * bugs in a plugin at all.  bug=asan|ubsan|tsan|valgrind says which.
 */

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define SIZE 4096

static const char *bug = "";
static unsigned racy;

static int
planted_config (const char *key, const char *value)
{
  if (strcmp (key, "bug") != 0) {
    nbdkit_error ("unknown parameter %s", key);
    return -1;
  }
  bug = value;
  return 0;
}

static void *
planted_open (int readonly)
{
  (void) readonly;
  return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t
planted_get_size (void *handle)
{
  (void) handle;
  return SIZE;
}

static void *
race (void *opaque)
{
  (void) opaque;
  for (unsigned i = 0; i < 10000; ++i)
    racy++;
  return NULL;
}

static void
two_threads_without_a_lock (void)
{
  pthread_t thread;

  if (pthread_create (&thread, NULL, race, NULL) != 0)
    abort ();
  race (NULL);
  pthread_join (thread, NULL);
}

static void
overflow (int number)
{
  volatile int one_more = number + 1;

  (void) one_more;
}

static int
planted_pread (void *handle, void *buf, uint32_t count, uint64_t offset,
               uint32_t flags)
{
  /* Volatile, so that the compiler does not know how large it is: else UBSan
   * is the first to complain.
   */
  char *volatile heap = malloc (count);

  (void) handle;
  (void) offset;
  (void) flags;
  if (!heap)
    return -1;
  memset (heap, 0, count);
  if (strcmp (bug, "asan") == 0 || strcmp (bug, "valgrind") == 0)
    heap[count] = 1; /* one too far */
  if (strcmp (bug, "ubsan") == 0)
    overflow (INT_MAX);
  if (strcmp (bug, "tsan") == 0)
    two_threads_without_a_lock ();
  memcpy (buf, heap, count);
  free (heap);
  return 0;
}

static struct nbdkit_plugin plugin = {
  .name = "planted",
  .config = planted_config,
  .open = planted_open,
  .get_size = planted_get_size,
  .pread = planted_pread,
};

extern struct nbdkit_plugin *plugin_init (void);
NBDKIT_REGISTER_PLUGIN (plugin)
