/* SPDX-License-Identifier: BSD-3-Clause */

/* Runs a fuzz target without libFuzzer, the same way each time:
 *
 *   fuzz-NAME           on all of tests/fuzz/corpus/NAME, and changes to it
 *   fuzz-NAME FILE...   on these inputs
 */

#include "config.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fuzz.h"

#define INPUT_SIZE (1 << 20)
#define CHANGES 40 /* to each input */

static unsigned nr_runs;

/* In memory of just this size, for sanitizers and valgrind. */
static void
run (const uint8_t *bytes, size_t len)
{
  CLEANUP_FREE uint8_t *copy = malloc (len ? len : 1);

  if (!copy)
    abort ();
  memcpy (copy, bytes, len);
  LLVMFuzzerTestOneInput (copy, len);
  nr_runs++;
}

/* Change some bytes, or the length. */
static void
run_changed (const uint8_t *bytes, size_t len, unsigned *seed)
{
  CLEANUP_FREE uint8_t *copy = malloc (len);

  if (!copy)
    abort ();
  memcpy (copy, bytes, len);
  for (int i = rand_r (seed) % 4; i >= 0; --i)
    copy[(size_t) rand_r (seed) % len] ^= (uint8_t) (1 << rand_r (seed) % 8);
  run (copy, rand_r (seed) % 4 ? len : (size_t) rand_r (seed) % len);
}

static bool
run_file (const char *path, unsigned changes)
{
  CLEANUP_FREE uint8_t *bytes = malloc (INPUT_SIZE);
  FILE *file = fopen (path, "re");
  unsigned seed = 1;
  size_t len;

  if (!bytes || !file) {
    fprintf (stderr, "%s: %m\n", path);
    return false;
  }
  len = fread (bytes, 1, INPUT_SIZE, file);
  fclose (file);
  run (bytes, len);
  for (unsigned i = 0; len > 0 && i < changes; ++i)
    run_changed (bytes, len, &seed);
  return true;
}

static int
visible (const struct dirent *entry)
{
  return entry->d_name[0] != '.';
}

static bool
run_corpus (void)
{
  struct dirent **entries;
  char path[4096];
  bool ok = true;
  int nr;

  snprintf (path, sizeof path, SRCDIR "/tests/fuzz/corpus/%s", fuzz_corpus);
  nr = scandir (path, &entries, visible, alphasort);
  if (nr <= 0) {
    fprintf (stderr, "%s: there is nothing\n", path);
    return false;
  }
  for (int i = 0; i < nr; ++i) {
    snprintf (path, sizeof path, SRCDIR "/tests/fuzz/corpus/%s/%s",
              fuzz_corpus, entries[i]->d_name);
    ok = run_file (path, CHANGES) && ok;
    free (entries[i]);
  }
  free (entries);
  printf ("%s: %d inputs, %u runs\n", fuzz_corpus, nr, nr_runs);
  return ok;
}

int
main (int argc, char *argv[])
{
  bool ok = true;

  if (argc == 1)
    ok = run_corpus ();
  for (int i = 1; i < argc; ++i)
    ok = run_file (argv[i], 0) && ok;
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
