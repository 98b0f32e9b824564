/*
 * The part of libcrypto that keys need.
 *
 * SHA-256 is used through its low-level functions: a prepared HMAC state is a
 * struct that is copied (103 ns for an HMAC of a key), where EVP_MAC duplicates
 * a context on the heap (503 ns).  OpenSSL 3 marks them deprecated; they can go
 * when EVP_MAC is as fast.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>
