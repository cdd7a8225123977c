/* SPDX-License-Identifier: BSD-3-Clause */

/* A program of unit tests: each test is named once, where it is defined.
 *
 *   TEST (a_full_cup_runs_over)
 *   {
 *     ck_assert (...);
 *   }
 *
 *   LOOP_TEST (each_cup_has_a_handle, NR_CUPS)     // _i is 0, 1, ...
 *   {
 *     ck_assert (handle_of (cup[_i]));
 *   }
 *
 *   SIGNAL_TEST (a_cup_without_a_bottom_is_refused, SIGABRT)
 *   {
 *     fill (no_bottom);                            // must end by the signal
 *   }
 *
 *   static struct suite_group tests = {.setup = wash, .timeout = 60};
 *
 *   int
 *   main (void)
 *   {
 *     return suite_main ("cups");
 *   }
 *
 * They run in the order in which they stand in the file.  A file has one
 * group, `tests', or gives the group of the others: TEST_IN (broken, name).
 */

#ifndef NBDMIRROR_SUITE_H
#define NBDMIRROR_SUITE_H

#include <check.h>

/* What a group's tests have in common.  All of it may be left out, and then
 * the group too.
 */
struct suite_group {
  /* Before and after each test, in its process. */
  void (*setup) (void);
  void (*teardown) (void);
  /* Once, before the first and after the last, in the main process. */
  void (*setup_once) (void);
  void (*teardown_once) (void);
  unsigned timeout; /* seconds for each test; 0: as Check has it */
};

/* Made by the macros below. */
struct suite_test {
  const TTest *const *test;
  const struct suite_group *group;
  const char *group_name;
  int line;
  int count;  /* _i is below it */
  int signal; /* ends it; 0: none may */
  struct suite_test *next;
};

/* Called before main (). */
extern void suite_register (struct suite_test *test, int count, int signal);

/* Run all tests that are in the program, and return its exit status. */
extern int suite_main (const char *name);

#define SUITE_TEST(in, name, nr, signal) \
  static struct suite_group in; \
  static const TTest *name; \
  __attribute__ ((constructor)) static void name##_register (void) \
  { \
    static struct suite_test entry = {&name, &in, #in, __LINE__, 0, 0, NULL}; \
    suite_register (&entry, (int) (nr), (signal)); \
  } \
  START_TEST (name)
#define TEST(name) SUITE_TEST (tests, name, 1, 0)
#define TEST_IN(in, name) SUITE_TEST (in, name, 1, 0)
#define LOOP_TEST(name, nr) SUITE_TEST (tests, name, nr, 0)
#define LOOP_TEST_IN(in, name, nr) SUITE_TEST (in, name, nr, 0)
#define SIGNAL_TEST(name, signal) SUITE_TEST (tests, name, 1, signal)
#define SIGNAL_TEST_IN(in, name, signal) SUITE_TEST (in, name, 1, signal)

#endif /* NBDMIRROR_SUITE_H */
