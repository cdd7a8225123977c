#include "config.h"
#include <stddef.h>
#include "tls.h"
struct tls *
tls_new (const struct tls_options *options)
{
  (void) options;
  return NULL;
}
void
tls_free (struct tls *tls)
{
  (void) tls;
}
