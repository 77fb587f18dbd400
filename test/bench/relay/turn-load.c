/*
 * A bounded load of TURN over UDP (RFC 8656) for measuring a relay on loopback, and nowhere else: it refuses any other
 * address. Makes its allocations as a client does, then sends at a rate from one thread and receives in another.
 *
 *   turn-load PORT MODE CLIENTS BYTES RATE TENTHS BURST PID USERS
 *
 * MODE  direct      client -> peer, no relay: what the sockets cost by themselves
 *       channel     client -> ChannelData -> peer          send     client -> Send indication -> peer
 *       to-channel  peer -> ChannelData -> client          to-data  peer -> Data indication -> client
 *       hop-channel     client -> ChannelData -> the relayed address of another client -> ChannelData
 *       hop-indication  client -> Send -> the relayed address of another client -> Data
 *       hold        allocations with a channel each; says "ready", releases them at the end of its input, says "released"
 * BYTES is the payload, RATE packets a second in all, TENTHS of a second it lasts, BURST the packets that go to one
 * destination in a row, PID the relay whose CPU time is read. USERS is a file with a line for each client: user name,
 * realm, key in hexadecimal.
 *
 * Latency is taken from the clock just before a run is sent to the kernel's stamp on each packet that arrives (SO_TIMESTAMPNS),
 * so it does not matter when the receiving thread looks. The sending thread goes before it where the system allows that: one
 * that had to wait would send what is due in one heap, and measure its own delay.
 *
 * Prints one line of JSON. Ends with 1 and a line on standard error when it cannot do its work.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sha1.h"

enum {
  MAX_CLIENTS = 20000,
  MAX_ATTEMPTS = 50,
  BATCH = 64,
  PACKET = 2048,
  CHANNEL = 0x4001,
  COOKIE = 0x2112a442,
  SEND_HEADER = 36,
  CHANNEL_HEADER = 4,
  STUN_HEADER = 20,
  LATENCIES_US = 1000000,
  SOCKET_BUFFER = 4 << 20
};
enum { ALLOCATE = 3, REFRESH = 4, CREATE_PERMISSION = 8, CHANNEL_BIND = 9, SEND = 0x16, DATA = 0x17 };
enum {
  USERNAME = 6, INTEGRITY = 8, ERROR_CODE = 9, CHANNEL_NUMBER = 0xc, LIFETIME = 0xd, PEER = 0x12, DATA_ATTRIBUTE = 0x13,
  REALM = 0x14, NONCE = 0x15, RELAYED = 0x16, TRANSPORT = 0x19
};

struct client {
  int socket;
  char user[128], realm[64];
  uint8_t key[16], nonce[256];
  int nonce_bytes;
  struct sockaddr_in relayed, peer;
};

struct message {
  uint8_t bytes[PACKET];
  int length;
};

static struct client clients[MAX_CLIENTS];
static int peers[MAX_CLIENTS];
static int count, payload, rate, tenths, burst, server_pid;
static const char *mode;
static int is_direct, is_hop, is_hold, by_channel, from_peer;

static volatile int receiving = 1;
static uint64_t received, wrong;
static uint32_t latencies[LATENCIES_US];

static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static uint64_t clock_ns(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
/* The clock by which the kernel stamps what arrives. */
static uint64_t stamp_ns(void) { return clock_ns(CLOCK_REALTIME); }

static void put16(uint8_t *at, int value) { at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value; }
static void put32(uint8_t *at, uint32_t value) { put16(at, (int)(value >> 16)), put16(at + 2, (int)(value & 0xffff)); }
static int get16(const uint8_t *at) { return at[0] << 8 | at[1]; }
static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | (uint32_t)get16(at + 2); }

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static void begin(struct message *message, int type) {
  memset(message->bytes, 0, STUN_HEADER);
  put16(message->bytes, type);
  put32(message->bytes + 4, COOKIE);
  for (int i = 8; i < STUN_HEADER; i++) message->bytes[i] = (uint8_t)rand();
  message->length = STUN_HEADER;
}

static void add(struct message *message, int type, const void *value, int length) {
  uint8_t *at = message->bytes + message->length;
  put16(at, type);
  put16(at + 2, length);
  memcpy(at + 4, value, (size_t)length);
  memset(at + 4 + length, 0, (size_t)(-length & 3));
  message->length += 4 + length + (-length & 3);
  put16(message->bytes + 2, message->length - STUN_HEADER);
}

static void peer_value(uint8_t *value, const struct sockaddr_in *address) {
  value[0] = 0, value[1] = 1;
  put16(value + 2, ntohs(address->sin_port) ^ (COOKIE >> 16));
  put32(value + 4, ntohl(address->sin_addr.s_addr) ^ COOKIE);
}

static void add_peer(struct message *message, const struct sockaddr_in *address) {
  uint8_t value[8];
  peer_value(value, address);
  add(message, PEER, value, sizeof value);
}

static void sign(struct message *message, const struct client *client) {
  uint8_t digest[SHA1_BYTES];
  add(message, USERNAME, client->user, (int)strlen(client->user));
  add(message, REALM, client->realm, (int)strlen(client->realm));
  add(message, NONCE, client->nonce, client->nonce_bytes);
  put16(message->bytes + 2, message->length - STUN_HEADER + 24);
  hmac_sha1(client->key, sizeof client->key, message->bytes, (size_t)message->length, digest);
  add(message, INTEGRITY, digest, sizeof digest);
}

static const uint8_t *find(const uint8_t *bytes, int length, int type, int *value_bytes) {
  for (int at = STUN_HEADER; at + 4 <= length;) {
    int attribute_bytes = get16(bytes + at + 2);
    if (at + 4 + attribute_bytes > length) return NULL;
    if (get16(bytes + at) == type) {
      *value_bytes = attribute_bytes;
      return bytes + at + 4;
    }
    at += 4 + attribute_bytes + (-attribute_bytes & 3);
  }
  return NULL;
}

/* Sends until answered. Gives the error code, 0 for success, -1 when no answer comes. */
static int exchange(const struct client *client, const struct message *request, struct message *answer) {
  for (int attempt = 0; attempt < 5; attempt++) {
    send(client->socket, request->bytes, (size_t)request->length, 0);
    uint64_t until = now_ns() + 500000000u;
    while (now_ns() < until) {
      struct pollfd ready = {client->socket, POLLIN, 0};
      if (poll(&ready, 1, 100) <= 0) continue;
      answer->length = (int)recv(client->socket, answer->bytes, PACKET, 0);
      if (answer->length < STUN_HEADER || memcmp(answer->bytes + 8, request->bytes + 8, 12) != 0) continue;
      int length;
      const uint8_t *error = find(answer->bytes, answer->length, ERROR_CODE, &length);
      return error == NULL ? 0 : (error[2] & 7) * 100 + error[3];
    }
  }
  return -1;
}

static void take_nonce(struct client *client, const struct message *answer) {
  int length;
  const uint8_t *nonce = find(answer->bytes, answer->length, NONCE, &length);
  if (nonce == NULL || length > (int)sizeof client->nonce) fail("a challenge without a nonce");
  memcpy(client->nonce, nonce, (size_t)length);
  client->nonce_bytes = length;
}

/* 0 when the relay still knows another allocation of this socket's port: coturn forgets a released one only by and by. */
static int allocate(struct client *client) {
  static const uint8_t udp[4] = {17};
  struct message request, answer;
  int length, error;
  begin(&request, ALLOCATE);
  add(&request, TRANSPORT, udp, sizeof udp);
  error = exchange(client, &request, &answer);
  if (error == 437) return 0;
  if (error != 401) fail("the first Allocate was answered %d", error);
  take_nonce(client, &answer);
  begin(&request, ALLOCATE);
  add(&request, TRANSPORT, udp, sizeof udp);
  sign(&request, client);
  error = exchange(client, &request, &answer);
  if (error != 0) fail("Allocate was answered %d", error);
  const uint8_t *relayed = find(answer.bytes, answer.length, RELAYED, &length);
  if (relayed == NULL || length != 8) fail("Allocate gave no address");
  client->relayed.sin_family = AF_INET;
  client->relayed.sin_port = htons((uint16_t)(get16(relayed + 2) ^ (COOKIE >> 16)));
  client->relayed.sin_addr.s_addr = htonl(get32(relayed + 4) ^ COOKIE);
  return 1;
}

static void grant(struct client *client) {
  struct message request, answer;
  int error;
  begin(&request, by_channel ? CHANNEL_BIND : CREATE_PERMISSION);
  if (by_channel) {
    uint8_t number[4] = {CHANNEL >> 8, CHANNEL & 0xff};
    add(&request, CHANNEL_NUMBER, number, sizeof number);
  }
  add_peer(&request, &client->peer);
  sign(&request, client);
  error = exchange(client, &request, &answer);
  if (error != 0) fail("%s was answered %d", by_channel ? "ChannelBind" : "CreatePermission", error);
}

static void release(struct client *client) {
  static const uint8_t zero[4];
  struct message request, answer;
  begin(&request, REFRESH);
  add(&request, LIFETIME, zero, sizeof zero);
  sign(&request, client);
  int error = exchange(client, &request, &answer);
  if (error != 0 && error != 437) fail("Refresh was answered %d", error);
}

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

/* Peers are at another address than the relay's own, as peers elsewhere are. */
enum { PEER_ADDRESS = INADDR_LOOPBACK + 1 };

static int open_socket(uint32_t ip, struct sockaddr_in *bound) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip)};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), buffer = SOCKET_BUFFER;
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0) fail("a socket cannot be opened: %s", strerror(errno));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  if (bound != NULL) getsockname(fd, (struct sockaddr *)bound, &length);
  return fd;
}

static int connect_socket(const struct sockaddr_in *to) {
  int fd = open_socket(INADDR_LOOPBACK, NULL);
  if (connect(fd, (const struct sockaddr *)to, sizeof *to) < 0) fail("connect: %s", strerror(errno));
  return fd;
}

static void open_clients(int port, const char *users) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  FILE *file = is_direct ? NULL : fopen(users, "r");
  if (!is_direct && file == NULL) fail("%s cannot be read", users);
  for (int i = 0; i < count; i++) {
    struct client *client = &clients[i];
    if (!is_hop && (!is_hold || i == 0)) peers[i] = open_socket(PEER_ADDRESS, &client->peer);
    if (is_hold) client->peer = clients[0].peer;
    if (is_direct) {
      client->socket = connect_socket(&client->peer);
      continue;
    }
    char key[33];
    if (fscanf(file, "%127s %63s %32s", client->user, client->realm, key) != 3) fail("%s is too short", users);
    for (int octet = 0; octet < 16; octet++) {
      unsigned value;
      sscanf(key + 2 * octet, "%2x", &value);
      client->key[octet] = (uint8_t)value;
    }
    int attempts = 0;
    do {
      /* The one before stays open meanwhile, so that its port is not given again. */
      int before = attempts > 0 ? client->socket : -1;
      client->socket = connect_socket(&server);
      if (before >= 0) close(before);
    } while (!allocate(client) && ++attempts < MAX_ATTEMPTS);
    if (attempts == MAX_ATTEMPTS) fail("Allocate was answered 437 again and again");
  }
  if (file != NULL) fclose(file);
  if (is_direct) return;
  for (int i = 0; i < count; i++) {
    if (is_hop) clients[i].peer = clients[i ^ 1].relayed;
    grant(&clients[i]);
  }
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

/* The payload of what came, or NULL when it is not what this mode brings. */
static const uint8_t *unwrap(const uint8_t *bytes, int length) {
  int value_bytes = length;
  const uint8_t *value = bytes;
  if (from_peer || is_hop) {
    if (by_channel) {
      if (length < CHANNEL_HEADER || get16(bytes) != CHANNEL) return NULL;
      value = bytes + CHANNEL_HEADER, value_bytes = get16(bytes + 2);
      if (value_bytes > length - CHANNEL_HEADER) return NULL;
    } else {
      if (length < STUN_HEADER || get16(bytes) != DATA) return NULL;
      value = find(bytes, length, DATA_ATTRIBUTE, &value_bytes);
    }
  }
  return value != NULL && value_bytes == payload && memcmp(value, "LOAD", 4) == 0 ? value : NULL;
}

/* When a packet arrived, by the kernel's stamp; now where it has none. */
static uint64_t arrived_ns(struct msghdr *header) {
  for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item != NULL; item = CMSG_NXTHDR(header, item)) {
    struct timespec time;
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_TIMESTAMPNS) continue;
    memcpy(&time, CMSG_DATA(item), sizeof time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
  }
  return stamp_ns();
}

static void *receive(void *unused) {
  static uint8_t packets[BATCH][PACKET];
  static _Alignas(struct cmsghdr) uint8_t control[BATCH][CMSG_SPACE(sizeof(struct timespec))];
  static struct mmsghdr headers[BATCH];
  static struct iovec vectors[BATCH];
  struct epoll_event events[BATCH];
  int epoll = epoll_create1(0);
  for (int i = 0; i < count; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = from_peer || is_hop ? clients[i].socket : peers[i]};
    int on = 1;
    setsockopt(event.data.fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
  }
  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){packets[i], PACKET};
    headers[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1, .msg_control = control[i]};
  }
  while (receiving) {
    int ready = epoll_wait(epoll, events, BATCH, 20);
    for (int i = 0; i < ready; i++) {
      int came;
      do {
        for (int j = 0; j < BATCH; j++) headers[j].msg_hdr.msg_controllen = sizeof control[j];
        came = recvmmsg(events[i].data.fd, headers, BATCH, MSG_DONTWAIT, NULL);
        for (int j = 0; j < came; j++) {
          const uint8_t *value = unwrap(packets[j], (int)headers[j].msg_len);
          uint64_t sent;
          if (value == NULL) {
            wrong++;
            continue;
          }
          memcpy(&sent, value + 8, sizeof sent);
          uint64_t us = (arrived_ns(&headers[j].msg_hdr) - sent) / 1000;
          latencies[us < LATENCIES_US ? us : LATENCIES_US - 1]++;
          received++;
        }
      } while (came == BATCH);
    }
  }
  close(epoll);
  return unused;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* CPU time of every thread of the relay, in nanoseconds. */
static uint64_t server_cpu_ns(void) {
  char path[64];
  uint64_t sum = 0;
  snprintf(path, sizeof path, "/proc/%d/task", server_pid);
  DIR *tasks = server_pid > 0 ? opendir(path) : NULL;
  if (tasks == NULL) return 0;
  for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
    char stat[400];
    unsigned long long ns;
    snprintf(stat, sizeof stat, "%s/%s/schedstat", path, entry->d_name);
    FILE *file = entry->d_name[0] == '.' ? NULL : fopen(stat, "r");
    if (file == NULL) continue;
    if (fscanf(file, "%llu", &ns) == 1) sum += ns;
    fclose(file);
  }
  closedir(tasks);
  return sum;
}

static int wrap(uint8_t *packet, const struct client *client, int header) {
  static uint32_t serial;
  memset(packet, 0, PACKET);
  if (header == CHANNEL_HEADER) {
    put16(packet, CHANNEL);
    put16(packet + 2, payload);
  } else if (header == SEND_HEADER) {
    put16(packet, SEND);
    put16(packet + 2, 16 + payload + (-payload & 3));
    put32(packet + 4, COOKIE);
    put32(packet + 16, ++serial);
    put16(packet + 20, PEER);
    put16(packet + 22, 8);
    peer_value(packet + 24, &client->peer);
    put16(packet + 32, DATA_ATTRIBUTE);
    put16(packet + 34, payload);
  }
  memcpy(packet + header, "LOAD", 4);
  return header + payload + (header == SEND_HEADER ? -payload & 3 : 0);
}

struct sent {
  uint64_t packets, behind;
};

/* Sends at the rate for the time. What the generator itself could not keep up with is not offered, and told apart. */
static struct sent offer(void) {
  static uint8_t packets[BATCH][PACKET];
  static struct mmsghdr headers[BATCH];
  static struct iovec vectors[BATCH];
  struct sent sum = {0, 0};
  int header = from_peer || is_direct ? 0 : by_channel ? CHANNEL_HEADER : SEND_HEADER, client = 0;
  uint64_t began = now_ns(), end = began + (uint64_t)tenths * 100000000u;
  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){packets[i], (size_t)wrap(packets[i], &clients[0], header)};
    headers[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  for (uint64_t now; (now = now_ns()) < end;) {
    uint64_t due = (now - began) / 1000 * (uint64_t)rate / 1000000, done = sum.packets + sum.behind;
    if (due <= done) {
      struct timespec pause = {0, 200000};
      nanosleep(&pause, NULL);
      continue;
    }
    uint64_t left = due - done;
    if (left > 4000) sum.behind += left - 4000, left = 4000;
    while (left > 0) {
      struct client *to = &clients[client];
      int run = left < (uint64_t)burst ? (int)left : burst;
      uint64_t stamp = stamp_ns();
      for (int i = 0; i < run; i++) {
        memcpy(packets[i] + header + 8, &stamp, sizeof stamp);
        if (header == SEND_HEADER) peer_value(packets[i] + 24, &to->peer);
        if (from_peer) {
          headers[i].msg_hdr.msg_name = &to->relayed;
          headers[i].msg_hdr.msg_namelen = sizeof to->relayed;
        }
      }
      int taken = sendmmsg(from_peer ? peers[client] : to->socket, headers, (unsigned)run, 0);
      if (taken > 0) sum.packets += (uint64_t)taken;
      if (taken < run) sum.behind += (uint64_t)(run - (taken > 0 ? taken : 0));
      left -= (uint64_t)run;
      client = (client + 1) % count;
    }
  }
  return sum;
}

static int quantile(double share) {
  uint64_t seen = 0;
  for (int us = 0; us < LATENCIES_US; us++) {
    seen += latencies[us];
    if (received > 0 && (double)seen >= share * (double)received) return us;
  }
  return -1;
}

static void measure(void) {
  pthread_t receiver;
  pthread_create(&receiver, NULL, receive, NULL);
  struct sched_param first = {.sched_priority = 1};
  int sends_first = sched_setscheduler(0, SCHED_FIFO, &first) == 0;
  uint64_t server_before = server_cpu_ns(), own_before = clock_ns(CLOCK_PROCESS_CPUTIME_ID), began = now_ns();
  struct sent sum = offer();
  double elapsed = (double)(now_ns() - began) / 1e9;
  double own = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own_before) / 1e9;
  usleep(200000);
  receiving = 0;
  pthread_join(receiver, NULL);
  double server = (double)(server_cpu_ns() - server_before) / 1e9;
  printf("{\"sent\":%llu,\"received\":%llu,\"behind\":%llu,\"wrong\":%llu,\"seconds\":%.4f,\"serverCpuSeconds\":%.6f,"
         "\"ownCpuSeconds\":%.6f,\"p50Us\":%d,\"p99Us\":%d,\"sendsFirst\":%s}\n",
         (unsigned long long)sum.packets, (unsigned long long)received, (unsigned long long)sum.behind,
         (unsigned long long)wrong, elapsed, server, own, quantile(0.5), quantile(0.99),
         sends_first ? "true" : "false");
}

int main(int arguments, char **values) {
  if (arguments != 10) fail("usage: turn-load PORT MODE CLIENTS BYTES RATE TENTHS BURST PID USERS");
  mode = values[2], count = atoi(values[3]), payload = atoi(values[4]), rate = atoi(values[5]);
  tenths = atoi(values[6]), burst = atoi(values[7]), server_pid = atoi(values[8]);
  is_direct = strcmp(mode, "direct") == 0, is_hop = strncmp(mode, "hop-", 4) == 0, is_hold = strcmp(mode, "hold") == 0;
  from_peer = strncmp(mode, "to-", 3) == 0, by_channel = is_hold || strstr(mode, "channel") != NULL;
  if (count < 1 || count > MAX_CLIENTS || (is_hop && count % 2 != 0)) fail("CLIENTS is wrong");
  if (payload < 16 || payload > PACKET - SEND_HEADER - 4 || burst < 1 || burst > BATCH || rate < 1) fail("a number is wrong");
  srand((unsigned)now_ns());
  open_clients(atoi(values[1]), values[9]);
  if (is_hold) {
    printf("ready\n");
    fflush(stdout);
    while (getchar() != EOF) {
    }
  } else {
    measure();
  }
  if (!is_direct)
    for (int i = 0; i < count; i++) release(&clients[i]);
  if (is_hold) printf("released\n");
  return 0;
}
