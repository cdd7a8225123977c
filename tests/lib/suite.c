/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "suite.h"

/* In the order of their lines: the compiler may call the constructors in any
 * order.
 */
static struct suite_test *first;

void
suite_register (struct suite_test *test, int count, int signal)
{
  struct suite_test **at = &first;

  test->count = count;
  test->signal = signal;
  while (*at && (*at)->line < test->line)
    at = &(*at)->next;
  test->next = *at;
  *at = test;
}

static TCase *
new_case (const struct suite_test *test)
{
  const struct suite_group *group = test->group;
  TCase *tc = tcase_create (test->group_name);

  if (group->setup || group->teardown)
    tcase_add_checked_fixture (tc, group->setup, group->teardown);
  if (group->setup_once || group->teardown_once)
    tcase_add_unchecked_fixture (tc, group->setup_once, group->teardown_once);
  if (group->timeout > 0)
    tcase_set_timeout (tc, group->timeout);
  return tc;
}

/* The tests of the group that this one is the first of. */
static void
add_group (Suite *suite, const struct suite_test *test)
{
  const struct suite_group *group = test->group;
  TCase *tc = new_case (test);

  for (; test; test = test->next)
    if (test->group == group)
      tcase_add_loop_test_raise_signal (tc, *test->test, test->signal, 0,
                                        test->count);
  suite_add_tcase (suite, tc);
}

static bool
is_first (const struct suite_test *test)
{
  const struct suite_test *t = first;

  while (t->group != test->group)
    t = t->next;
  return t == test;
}

int
suite_main (const char *name)
{
  Suite *suite = suite_create (name);
  SRunner *runner = srunner_create (suite);
  int failed;

  for (const struct suite_test *t = first; t; t = t->next)
    if (is_first (t))
      add_group (suite, t);
  srunner_run_all (runner, CK_ENV);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed == 0 && first ? EXIT_SUCCESS : EXIT_FAILURE;
}
