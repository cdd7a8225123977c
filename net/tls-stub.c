#include "tls.h"
#include <stddef.h>
struct tls *tls_new (const struct tls_options *o) { (void)o; return NULL; }
void tls_free (struct tls *t) { (void)t; }
