/* TLS and X.509, found by the module map. Can go when Debian's package brings a module map. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
