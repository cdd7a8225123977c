/* SPDX-License-Identifier: BSD-3-Clause */

/* What nbdkit calls; no logic.  The life of a server: config...,
 * config_complete, get_ready (everything that can be refused is refused
 * here), fork, after_fork (threads), requests, cleanup, unload.
 */

#include "config.h"

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "deadline.h"
#include "dirty-log.h"
#include "mirror.h"
#include "msg.h"
#include "open.h"
#include "params.h"
#include "shutdown.h"
#include "tls.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define EXTENTS_AT_ONCE 128

static struct mirror_config config = {
  .source_leg = -1,
  .connections = 4,
  .write_mostly = -1,
  .resync_min = 10 << 20,
  .leg_timeout = 10,
  .flush_timeout = 60,
  .log_timeout = 15,
  .quarantine = 5,
  .hold_timeout = 30,
  .beat_ms = 5000,
};
static struct mirror *mirror;
static struct control *control;

static void
mirrorplug_unload (void)
{
  control_stop (control);
  mirror_free (mirror);
  params_free (&config);
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  /* A preloaded sanitizer can hang in the destructors of other libraries,
   * and must report while this code is still mapped.
   */
  _exit (0);
#endif
}

static int
mirrorplug_config (const char *key, const char *value)
{
  return params_set (&config, key, value);
}

static int
mirrorplug_config_complete (void)
{
  return params_complete (&config);
}

static void
mirrorplug_dump_plugin (void)
{
  printf ("mirror_legs=file block nbd missing\n");
  printf ("mirror_max_legs=%d\n", MIRROR_MAX_LEGS);
  printf ("mirror_logs=core disk userspace userspace-core\n");
  printf ("mirror_min_region_size=%" PRIu32 "\n", LOG_MIN_REGION_SIZE);
  printf ("mirror_max_region_size=%" PRIu32 "\n", LOG_MAX_REGION_SIZE);
  printf ("mirror_max_regions=%" PRIu64 "\n", LOG_MAX_REGIONS);
}

/* Its assertion in raw_send_socket was mended in the release that brought
 * nbdkit_disconnect.
 */
static void
warn_of_old_nbdkit (void)
{
  if (!dlsym (RTLD_DEFAULT, "nbdkit_disconnect"))
    msg_note ("this nbdkit is older than 1.34: a client that goes away "
              "before it has its answers may end it, so let it be started "
              "again at once, or use a later one");
}

static int
mirrorplug_get_ready (void)
{
  bool plan_ok;

  config.on_certificates = tls_tell_client_end;
  config.on_release = shutdown_if_idle; /* serves nobody: needs no log */
  config.on_stop = shutdown_in;
  /* A limit of the size of files is an error of a leg, or of the log. */
  signal (SIGXFSZ, SIG_IGN);
  if (config.control && !config.plan && control_check (config.control) == -1)
    return -1;
  mirror = mirror_open (&config, stdout, &plan_ok);
  if (config.plan) {
    fflush (stdout);
    exit (plan_ok ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  if (!mirror)
    return -1;
  if (config.control) {
    control = control_open (config.control);
    if (!control)
      return -1;
  }
  warn_of_old_nbdkit ();
  return 0;
}

/* Also when nbdkit ends by itself. */
static void
stop_all (void)
{
  static bool stopped;

  if (stopped)
    return;
  stopped = true;
  control_stop (control);
  control = NULL;
  /* What the threads that are left use can't be freed. */
  if (!mirror_stop (mirror, now_ns () + config.leg_timeout * NSEC_PER_SEC))
    _exit (0);
}

static int
mirrorplug_after_fork (void)
{
  static const struct shutdown_calls calls = {
    .finish = stop_all,
    .end_server = nbdkit_shutdown,
  };

  if (mirror_start (mirror) == -1)
    return -1;
  if (control && control_start (control, mirror) == -1)
    return -1;
  return shutdown_watch (&calls, config.drain);
}

static void
mirrorplug_cleanup (void)
{
  shutdown_unwatch ();
  stop_all ();
}

static void *
mirrorplug_open (int readonly)
{
  (void) readonly; /* -r limits clients only */
  shutdown_client_came ();
  return NBDKIT_HANDLE_NOT_NEEDED;
}

static void
mirrorplug_close (void *handle)
{
  (void) handle;
  shutdown_client_left ();
}

static int64_t
mirrorplug_get_size (void *handle)
{
  (void) handle;
  return (int64_t) mirror_limits (mirror)->size;
}

static int
mirrorplug_block_size (void *handle, uint32_t *minimum, uint32_t *preferred,
                       uint32_t *maximum)
{
  (void) handle;
  *minimum = mirror_limits (mirror)->min_block;
  *preferred = mirror_limits (mirror)->preferred_block;
  *maximum = UINT32_MAX;
  return 0;
}

static int
mirrorplug_is_rotational (void *handle)
{
  (void) handle;
  return mirror_limits (mirror)->rotational;
}

/* Trim, zero and the rest are emulated where a leg lacks them.  Fast zero is
 * not: it is refused for each request, since nbdkit asserts that who is sent
 * one said that it can, and asks no client whether it was told so.
 */
static int
mirrorplug_yes (void *handle)
{
  (void) handle;
  return 1;
}

static int
mirrorplug_can_fua (void *handle)
{
  (void) handle;
  return NBDKIT_FUA_NATIVE;
}

static int
mirrorplug_can_cache (void *handle)
{
  (void) handle;
  return NBDKIT_CACHE_NATIVE;
}

static int
mirrorplug_pread (void *handle, void *buf, uint32_t count, uint64_t offset,
                  uint32_t flags)
{
  (void) handle;
  assert (!flags);
  return shutdown_answer (mirror_pread (mirror, buf, offset, count));
}

static int
mirrorplug_pwrite (void *handle, const void *buf, uint32_t count,
                   uint64_t offset, uint32_t flags)
{
  (void) handle;
  assert (!(flags & ~NBDKIT_FLAG_FUA));
  return shutdown_answer (mirror_pwrite (mirror, buf, offset, count,
                                         flags & NBDKIT_FLAG_FUA));
}

static int
mirrorplug_zero (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  (void) handle;
  return shutdown_answer (mirror_zero (mirror, offset, count,
                                       flags & NBDKIT_FLAG_FUA,
                                       flags & NBDKIT_FLAG_MAY_TRIM,
                                       flags & NBDKIT_FLAG_FAST_ZERO));
}

static int
mirrorplug_trim (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  (void) handle;
  return shutdown_answer (mirror_trim (mirror, offset, count,
                                       flags & NBDKIT_FLAG_FUA));
}

static int
mirrorplug_flush (void *handle, uint32_t flags)
{
  (void) handle;
  assert (!flags);
  return shutdown_answer (mirror_flush (mirror));
}

static int
mirrorplug_cache (void *handle, uint32_t count, uint64_t offset,
                  uint32_t flags)
{
  (void) handle;
  assert (!flags);
  return shutdown_answer (mirror_cache (mirror, offset, count));
}

static int
add_extent (struct nbdkit_extents *extents, uint64_t offset,
            const struct leg_extent *e)
{
  uint32_t type =
    (e->hole ? NBDKIT_EXTENT_HOLE : 0) | (e->zero ? NBDKIT_EXTENT_ZERO : 0);

  return nbdkit_add_extent (extents, offset, e->length, type);
}

static int
mirrorplug_extents (void *handle, uint32_t count, uint64_t offset,
                    uint32_t flags, struct nbdkit_extents *extents)
{
  struct leg_extent e[EXTENTS_AT_ONCE];
  size_t nr = flags & NBDKIT_FLAG_REQ_ONE ? 1 : EXTENTS_AT_ONCE;

  (void) handle;
  if (shutdown_answer (mirror_extents (mirror, offset, count, e, &nr)) == -1)
    return -1;
  for (size_t i = 0; i < nr; ++i) {
    if (add_extent (extents, offset, &e[i]) == -1)
      return -1;
    offset += e[i].length;
  }
  return 0;
}

static struct nbdkit_plugin plugin = {
  .name = "mirror",
  .version = PACKAGE_VERSION,
  .longname = "nbdmirror",
  .description = "mirrored block device with a dirty log",
  .unload = mirrorplug_unload,
  .config = mirrorplug_config,
  .config_complete = mirrorplug_config_complete,
  .config_help = PARAMS_HELP,
  .magic_config_key = "leg",
  .dump_plugin = mirrorplug_dump_plugin,
  .get_ready = mirrorplug_get_ready,
  .after_fork = mirrorplug_after_fork,
  .cleanup = mirrorplug_cleanup,
  .open = mirrorplug_open,
  .close = mirrorplug_close,
  .get_size = mirrorplug_get_size,
  .block_size = mirrorplug_block_size,
  .is_rotational = mirrorplug_is_rotational,
  .can_write = mirrorplug_yes,
  .can_flush = mirrorplug_yes,
  .can_trim = mirrorplug_yes,
  .can_zero = mirrorplug_yes,
  .can_fast_zero = mirrorplug_yes,
  .can_extents = mirrorplug_yes,
  .can_fua = mirrorplug_can_fua,
  .can_multi_conn = mirrorplug_yes,
  .can_cache = mirrorplug_can_cache,
  .pread = mirrorplug_pread,
  .pwrite = mirrorplug_pwrite,
  .zero = mirrorplug_zero,
  .trim = mirrorplug_trim,
  .flush = mirrorplug_flush,
  .cache = mirrorplug_cache,
  .extents = mirrorplug_extents,
  .errno_is_preserved = 1,
};

extern struct nbdkit_plugin *plugin_init (void);
NBDKIT_REGISTER_PLUGIN (plugin)
