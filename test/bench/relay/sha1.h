/* SHA-1 (FIPS 180-4) and HMAC (RFC 2104), as much as MESSAGE-INTEGRITY needs. For the load generator alone. */
#ifndef SHA1_H
#define SHA1_H
#include <stdint.h>
#include <string.h>

enum { SHA1_BYTES = 20, SHA1_BLOCK = 64 };

struct sha1 {
  uint32_t state[5];
  uint64_t length;
  uint8_t block[SHA1_BLOCK];
};

static inline uint32_t sha1_rotate(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

static void sha1_block(struct sha1 *hash, const uint8_t *bytes) {
  static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
  uint32_t w[80], a = hash->state[0], b = hash->state[1], c = hash->state[2], d = hash->state[3], e = hash->state[4];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)bytes[4 * i] << 24 | bytes[4 * i + 1] << 16 | bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
  for (int i = 16; i < 80; i++) w[i] = sha1_rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  for (int i = 0; i < 80; i++) {
    uint32_t mixed = i < 20 ? (b & c) | (~b & d) : i >= 40 && i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
    uint32_t next = sha1_rotate(a, 5) + mixed + e + constants[i / 20] + w[i];
    e = d, d = c, c = sha1_rotate(b, 30), b = a, a = next;
  }
  hash->state[0] += a, hash->state[1] += b, hash->state[2] += c, hash->state[3] += d, hash->state[4] += e;
}

static void sha1_start(struct sha1 *hash) {
  static const uint32_t first[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  memcpy(hash->state, first, sizeof first);
  hash->length = 0;
}

static void sha1_add(struct sha1 *hash, const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    hash->block[hash->length++ % SHA1_BLOCK] = bytes[i];
    if (hash->length % SHA1_BLOCK == 0) sha1_block(hash, hash->block);
  }
}

static void sha1_end(struct sha1 *hash, uint8_t *digest) {
  uint64_t bits = hash->length * 8;
  uint8_t octet = 0x80;
  do {
    sha1_add(hash, &octet, 1);
    octet = 0;
  } while (hash->length % SHA1_BLOCK != SHA1_BLOCK - 8);
  for (int i = 0; i < 8; i++) {
    octet = (uint8_t)(bits >> (56 - 8 * i));
    sha1_add(hash, &octet, 1);
  }
  for (int i = 0; i < SHA1_BYTES; i++) digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

/* The key is at most one block long. */
static void hmac_sha1(const uint8_t *key, size_t key_bytes, const uint8_t *bytes, size_t count, uint8_t *digest) {
  struct sha1 hash;
  uint8_t pad[SHA1_BLOCK] = {0};
  memcpy(pad, key, key_bytes);
  for (int i = 0; i < SHA1_BLOCK; i++) pad[i] ^= 0x36;
  sha1_start(&hash);
  sha1_add(&hash, pad, sizeof pad);
  sha1_add(&hash, bytes, count);
  sha1_end(&hash, digest);
  for (int i = 0; i < SHA1_BLOCK; i++) pad[i] ^= 0x36 ^ 0x5c;
  sha1_start(&hash);
  sha1_add(&hash, pad, sizeof pad);
  sha1_add(&hash, digest, SHA1_BYTES);
  sha1_end(&hash, digest);
}

#endif
