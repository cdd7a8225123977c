/* SPDX-License-Identifier: BSD-3-Clause */

/* Writes of which is known, after a power cut, what must be left of them.
 *
 *   stamp-load write URI FIRST   until it is killed
 *   stamp-load check URI         with the output of write as input
 *
 * The writes have numbers, from FIRST; the number determines the block, and
 * each 16 bytes of the block say block and number.  All blocks are in the
 * first STAMP_BLOCKS.  Output:
 *
 *   durable FIRST LAST           writes of these numbers have been flushed
 *
 * A line that was cut short says less, never more.  Several runs' lines, with
 * growing numbers, can be given to check together.
 */

#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libnbd.h>

#define BLOCK 4096
#define SECTOR 512
#define STAMP_BLOCKS 1024
#define WINDOW 128 /* blocks that are written for a time, then others */
#define WINDOW_WRITES 1024
#define BATCH 16

static uint64_t durable[STAMP_BLOCKS];

/* Any WINDOW numbers in a row go to different blocks, so writes in flight
 * never overlap.
 */
static uint64_t
block_of (uint64_t number)
{
  uint64_t window = number / WINDOW_WRITES % (STAMP_BLOCKS / WINDOW);

  return window * WINDOW + number * 45 % WINDOW;
}

static void
die (const char *what)
{
  fprintf (stderr, "stamp-load: %s: %s\n", what, nbd_get_error ());
  exit (EXIT_FAILURE);
}

static struct nbd_handle *
attach (const char *uri)
{
  struct nbd_handle *h = nbd_create ();

  if (!h || nbd_connect_uri (h, uri) == -1)
    die (uri);
  return h;
}

static void
fill (uint64_t *buf, uint64_t number)
{
  for (size_t i = 0; i < BLOCK / sizeof *buf; i += 2) {
    buf[i] = block_of (number);
    buf[i + 1] = number;
  }
}

/* All of it works, or the test has failed before the power went. */
static int
done (void *what, int *error)
{
  if (*error) {
    fprintf (stderr, "stamp-load: %s: %s\n", (const char *) what,
             strerror (*error));
    exit (EXIT_FAILURE);
  }
  return 1;
}

static int
fua_done (void *number, int *error)
{
  uint64_t n = *(uint64_t *) number;

  done ("write with FUA", error);
  printf ("durable %" PRIu64 " %" PRIu64 "\n", n, n);
  fflush (stdout);
  return 1;
}

static void
submit (struct nbd_handle *h, uint64_t *buf, uint64_t number, uint64_t *fua)
{
  nbd_completion_callback cb = {.callback = done, .user_data = "write"};
  uint32_t flags = 0;

  if (number % BATCH == 5) {
    *fua = number;
    cb.callback = fua_done;
    cb.user_data = fua;
    flags = LIBNBD_CMD_FLAG_FUA;
  }
  fill (buf, number);
  if (nbd_aio_pwrite (h, buf, BLOCK, block_of (number) * BLOCK, cb, flags) ==
      -1)
    die ("write");
}

/* A flush of what is there, and more writes at the same time. */
static void
batch (struct nbd_handle *h, uint64_t number)
{
  static uint64_t buf[BATCH][BLOCK / sizeof (uint64_t)];
  nbd_completion_callback cb = {.callback = done, .user_data = "flush"};
  uint64_t fua;

  if (nbd_aio_flush (h, cb, 0) == -1)
    die ("flush");
  for (size_t i = 0; i < BATCH; ++i)
    submit (h, buf[i], number + i, &fua);
  while (nbd_aio_in_flight (h) > 0)
    if (nbd_poll (h, -1) == -1)
      die ("poll");
}

static void
write_for_ever (struct nbd_handle *h, uint64_t first)
{
  for (uint64_t number = first;; number += BATCH) {
    batch (h, number);
    if (number > first)
      printf ("durable %" PRIu64 " %" PRIu64 "\n", first, number - 1);
    fflush (stdout);
  }
}

static void
read_durable (void)
{
  char line[128];
  uint64_t first, last;

  while (fgets (line, sizeof line, stdin))
    if (sscanf (line, "durable %" SCNu64 " %" SCNu64, &first, &last) == 2)
      for (uint64_t n = first; n <= last; ++n)
        if (durable[block_of (n)] < n)
          durable[block_of (n)] = n;
}

/* A sector is written whole or not. */
static bool
sector_right (const uint64_t *stamp, uint64_t block)
{
  uint64_t number = stamp[1];

  for (size_t i = 2; i < SECTOR / sizeof *stamp; ++i)
    if (stamp[i] != stamp[i - 2])
      return false;
  if (number == 0)
    return stamp[0] == 0 && durable[block] == 0;
  return stamp[0] == block && block_of (number) == block &&
         number >= durable[block];
}

static unsigned
check_block (const uint64_t *buf, uint64_t block)
{
  const size_t words = SECTOR / sizeof *buf;
  unsigned wrong = 0;

  for (size_t i = 0; i < BLOCK / SECTOR; ++i)
    if (!sector_right (buf + i * words, block)) {
      printf ("block %" PRIu64 ", sector %zu: block %" PRIu64 " write %" PRIu64
              ", %" PRIu64 " is durable\n",
              block, i, buf[i * words], buf[i * words + 1], durable[block]);
      wrong++;
    }
  return wrong;
}

static unsigned
check (struct nbd_handle *h)
{
  uint64_t buf[BLOCK / sizeof (uint64_t)];
  unsigned wrong = 0, held = 0;

  read_durable ();
  for (uint64_t block = 0; block < STAMP_BLOCKS; ++block) {
    if (nbd_pread (h, buf, BLOCK, block * BLOCK, 0) == -1)
      die ("read");
    wrong += check_block (buf, block);
    held += durable[block] > 0;
  }
  printf ("checked: %u durable blocks, %u wrong sectors\n", held, wrong);
  return wrong;
}

int
main (int argc, char *argv[])
{
  struct nbd_handle *h;

  if (argc == 4 && strcmp (argv[1], "write") == 0)
    write_for_ever (attach (argv[2]), strtoull (argv[3], NULL, 10));
  if (argc != 3 || strcmp (argv[1], "check") != 0) {
    fprintf (stderr, "usage: %s write URI FIRST | check URI\n", argv[0]);
    return 2;
  }
  h = attach (argv[2]);
  if (check (h))
    return EXIT_FAILURE;
  nbd_close (h);
  return EXIT_SUCCESS;
}
