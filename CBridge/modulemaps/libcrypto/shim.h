/*
 * The part of libcrypto that keys need.
 *
 * SHA-256 is used through its low-level functions.  With them a prepared HMAC
 * state is a struct that can be copied (103 ns for an HMAC of a key), whereas
 * EVP_MAC duplicates a context on the heap (503 ns).  OpenSSL 3 deprecates them;
 * they can go when EVP_MAC is as fast.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>
