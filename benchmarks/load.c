/*
 * The load generator: many Socket.IO clients in one thread, every delivery checked.
 *
 *     load SCENARIO --port PORT [--clients N] [--window W] [--padding BYTES] ...
 *
 * Prints one JSON object. It speaks Engine.IO 4 and Socket.IO 5 over unfragmented, uncompressed
 * WebSocket frames, or over long-polling, and further dialects over such frames in the scenario
 * `mixed`. It uses epoll and nothing of the servers under test. It knows what each client must be
 * sent next. A heartbeat is answered; any other difference (a delivery lost, doubled, out of order
 * or damaged) ends the run and makes its figures void.
 *
 * In order: buffers, time and latencies; failing; connections, WebSocket and HTTP; the dialects; a
 * client's way to its first event; the scenarios; the measured stretch.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull
#define NEVER UINT64_MAX
#define AFTERMATH (3 * SECOND / 10) /* to listen for surplus deliveries when all have arrived */
#define OVERLOADED SECOND           /* latency at which a trial of rooms-max is given up */
#define BEARABLE 100.0              /* ms; p99 of a rate that rooms-max accepts */
#define AT_ONCE 50                  /* clients that connect at the same time */
#define NAP 50                      /* ms; the longest that the loop sleeps */
#define PACE 100000u                /* ns; what is due sooner after the last sending waits so long */
#define DIGITS 10
#define PATTERN 251                 /* attachments begin at that many places of a pattern */

/* The key that RFC 6455 section 1.3 gives as an example, and what a server must make of it. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define PROOF "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static struct {
    int port, clients, window, padding, room;
    double seconds, warmup, patience, rate;
    long server;
} option = {
    .clients = 100, .window = 1, .padding = 64, .room = 20,
    .seconds = 3, .warmup = 1, .patience = 10, .rate = 20000,
};

/* ---- failing ---- */

static void quoted(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

/* Reports a run whose figures are void, and ends it. */
__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("{\"exact\": false, \"error\": ");
    quoted(text);
    printf("}\n");
    exit(1);
}

/* ---- buffers: always followed by a zero byte ---- */

typedef struct {
    char *at;
    size_t size, room;
} Buffer;

static void reserve(Buffer *buffer, size_t more)
{
    size_t need = buffer->size + more + 1;
    if (need <= buffer->room)
        return;
    buffer->room = need > 2 * buffer->room ? need : 2 * buffer->room;
    buffer->at = realloc(buffer->at, buffer->room);
    if (!buffer->at)
        fail("out of memory");
}

static void append(Buffer *buffer, const void *data, size_t size)
{
    reserve(buffer, size);
    if (size)
        memcpy(buffer->at + buffer->size, data, size);
    buffer->at[buffer->size += size] = 0;
}

static inline void put(Buffer *buffer, const char *text)
{
    append(buffer, text, strlen(text));
}

/* A number in decimal, with zeros in front where it has fewer digits than wanted. */
static void put_number(Buffer *buffer, uint64_t number, int digits)
{
    char text[20], *at = text + sizeof text;
    for (; number || digits > 0; digits--, number /= 10)
        *--at = (char)('0' + number % 10);
    append(buffer, at, (size_t)(text + sizeof text - at));
}

/* For what is not written for every event: it takes longer. */
__attribute__((format(printf, 2, 3))) static void print(Buffer *buffer, const char *format, ...)
{
    size_t size = 0;
    for (int attempt = 0; attempt < 2; attempt++) { /* the second one has the room it needs */
        va_list arguments;
        reserve(buffer, size);
        size_t room = buffer->room - buffer->size;
        va_start(arguments, format);
        size = (size_t)vsnprintf(buffer->at + buffer->size, room, format, arguments);
        va_end(arguments);
        if (size < room)
            break;
    }
    buffer->size += size;
}

static void drop(Buffer *buffer, size_t size)
{
    buffer->size -= size;
    memmove(buffer->at, buffer->at + size, buffer->size + 1);
}

/* Whether two packets differ in the spacing of their JSON at most. */
static bool same(const char *one, size_t size, const Buffer *other)
{
    if (size == other->size && !memcmp(one, other->at, size))
        return true;
    const char *end = one + size, *with = other->at, *with_end = with + other->size;
    bool json = false, string = false;
    for (;; one++, with++) {
        if (json && !string) {
            while (one < end && isspace((unsigned char)*one))
                one++;
            while (with < with_end && isspace((unsigned char)*with))
                with++;
        }
        if (one == end || with == with_end)
            return one == end && with == with_end;
        if (*one != *with)
            return false;
        if (string && *one == '\\') {
            if (++one == end || ++with == with_end || *one != *with)
                return false;
        } else if (*one == '"') {
            string = !string;
        }
        json |= *one == '[';
    }
}

static bool begins(const char *text, size_t size, const char *prefix)
{
    size_t length = strlen(prefix);
    return size >= length && !memcmp(text, prefix, length);
}

/* ---- time, processor and memory ---- */

static uint64_t now; /* the time at which the event being handled was noticed */

static uint64_t clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t ns(double seconds)
{
    return (uint64_t)(seconds * (double)SECOND);
}

/* Seconds of processor time that the server has used; 0 when its process is not known. */
static double server_cpu(void)
{
    clockid_t id;
    if (!option.server)
        return 0;
    if (clock_getcpuclockid((pid_t)option.server, &id))
        fail("process %ld has no clock: is the server gone?", option.server);
    return (double)clock_of(id) / (double)SECOND;
}

/* KiB of memory that the server keeps resident. */
static double server_memory(void)
{
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%ld/statm", option.server);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        fail("%s cannot be read: is the server gone?", path);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* ---- latencies: a histogram whose steps are 1/128 of each power of two of nanoseconds ---- */

#define STEPS 128
static uint64_t latencies[64 * STEPS];
static uint64_t measured_from = NEVER, measured_until = NEVER;

static void record(uint64_t since)
{
    if (since < measured_from || since >= measured_until)
        return;
    uint64_t ago = now > since ? now - since : 0;
    int shift = ago < STEPS ? 0 : 63 - __builtin_clzll(ago) - 7;
    latencies[(size_t)shift * STEPS + (ago >> shift)]++;
}

/* Milliseconds that a share of the recorded latencies did not exceed. */
static double latency(double share)
{
    uint64_t total = 0, seen = 0;
    for (size_t i = 0; i < 64 * STEPS; i++)
        total += latencies[i];
    uint64_t wanted = (uint64_t)(share * (double)total);
    for (size_t i = 0; total && i < 64 * STEPS; i++) {
        seen += latencies[i];
        if (seen > wanted || seen == total) {
            size_t shift = i < 2 * STEPS ? 0 : i / STEPS - 1;
            return (double)((uint64_t)(i - shift * STEPS + 1) << shift) / 1e6;
        }
    }
    return 0;
}

/* ---- deliveries ---- */

static uint64_t count;    /* deliveries so far, each of them as it should be */
static uint64_t owed;     /* deliveries, answers or connections still to come */
static uint64_t progress; /* when the last of them came */
static uint64_t pings;    /* heartbeats answered, besides the pings of WebSocket */
static bool sending;      /* whether what is over is followed by more */

static void owe(uint64_t more)
{
    if (!owed)
        progress = now;
    owed += more;
}

static void paid(void)
{
    owed--;
    progress = now;
}

static void delivered(uint64_t since)
{
    count++;
    record(since);
    paid();
}

/* ---- clients and their connections ---- */

typedef enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 } Opcode;
typedef enum { UPGRADING, WEBSOCKET, GET, POST } Role;
typedef enum { OPENING, JOINING, PROVING, READY, LEFT } State;
typedef struct Client Client;

/* What clients of different generations do differently. */
typedef struct {
    const char *path;          /* of the WebSocket; %s is the session's id */
    void (*session)(Client *); /* finds that id; NULL: there is none */
    const char *opening;       /* how the server's first packet begins; NULL: there is none */
    bool connects;             /* whether the client asks for its namespace then */
    const char *question;      /* the event "tell" of "ready" as the client writes it */
    void (*write)(Buffer *, const char *event, const char *data); /* as the server writes it */
    bool (*control)(Client *, const char *, size_t); /* handles a heartbeat; false: it is none */
} Dialect;

typedef struct {
    int fd;
    Role role;
    bool busy;    /* an HTTP request has not been answered */
    bool blocked; /* `out` waits for the socket */
    Buffer in, out;
    Client *client;
} Connection;

struct Client {
    int number;
    const Dialect *dialect;
    State state;
    Connection main, post; /* WebSocket; or GET requests, and POST requests */
    char *cookie;
    char session[80], sid[80];  /* the ids of Engine.IO and of Socket.IO */
    Buffer pending;             /* packets for the next POST */
    Buffer expected;            /* the acknowledgement of the event under way */
    uint64_t since;             /* when that event was sent, or the connection begun */
    uint64_t next;              /* number of the broadcast, or of the event, to come */
    const char *attachment;     /* what the rest of an attachment must be */
    size_t rest;
    uint64_t *heard;            /* for each member of the room: its next message */
};

typedef struct {
    const char *name;
    const char *unit;                                /* what it counts */
    const char *connect;                             /* the packet that asks for the namespace */
    void (*joined)(Client *);                        /* a client is in its namespace */
    void (*start)(void);                             /* all clients are ready */
    void (*message)(Client *, const char *, size_t); /* a packet for a ready client */
    void (*ask)(Client *);                           /* sends the next event to be acknowledged */
    bool polling, users, binary, mixed;
} Scenario;

static const Scenario *scenario;
static Client *clients;
static int ready, left;
static int poll_fd, timer_fd = -1;
static void (*due)(void); /* sends what is scheduled */

static void watch(Connection *connection, int operation)
{
    struct epoll_event event = {
        .events = EPOLLIN | (connection->blocked ? (uint32_t)EPOLLOUT : 0),
        .data.ptr = connection,
    };
    if (epoll_ctl(poll_fd, operation, connection->fd, &event))
        fail("epoll_ctl: %s", strerror(errno));
}

static int dial(int type)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)option.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type, 0);
    if (fd < 0)
        fail("socket: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    return fd;
}

static void connect_to_server(Connection *connection, Client *client, Role role)
{
    connection->client = client;
    connection->role = role;
    connection->busy = connection->blocked = false;
    connection->in.size = connection->out.size = 0;
    connection->fd = dial(SOCK_NONBLOCK);
    watch(connection, EPOLL_CTL_ADD);
}

/* Sends what is in `out`, as far as the socket takes it. */
static void flush(Connection *connection)
{
    Buffer *out = &connection->out;
    size_t sent = 0;
    while (sent < out->size) {
        ssize_t size = send(connection->fd, out->at + sent, out->size - sent, MSG_NOSIGNAL);
        if (size < 0 && errno != EAGAIN)
            fail("client %d was disconnected: %s", connection->client->number, strerror(errno));
        if (size < 0)
            break;
        sent += (size_t)size;
    }
    if (sent)
        drop(out, sent);
    if (connection->blocked != (out->size > 0)) {
        connection->blocked = out->size > 0;
        watch(connection, EPOLL_CTL_MOD);
    }
}

/* ---- WebSocket ---- */

static void send_frame(Client *client, Opcode opcode, const char *payload, size_t size)
{
    static const unsigned char mask[8] = {0x5a, 0xc3, 0x17, 0x9e, 0x5a, 0xc3, 0x17, 0x9e};
    Connection *connection = &client->main;
    Buffer *out = &connection->out;
    reserve(out, size + 14);
    unsigned char *at = (unsigned char *)out->at + out->size;
    *at++ = 0x80 | (unsigned char)opcode;
    if (size < 126) {
        *at++ = 0x80 | (unsigned char)size;
    } else {
        int bytes = size < 65536 ? 2 : 8;
        *at++ = 0x80 | (bytes == 2 ? 126 : 127);
        while (bytes--)
            *at++ = (unsigned char)((uint64_t)size >> 8 * bytes);
    }
    memcpy(at, mask, 4);
    at += 4;
    size_t i = 0;
    uint64_t key, word;
    memcpy(&key, mask, 8);
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, payload + i, 8);
        word ^= key;
        memcpy(at + i, &word, 8);
    }
    for (; i < size; i++)
        at[i] = (unsigned char)payload[i] ^ mask[i & 3];
    out->size = (size_t)((char *)at - out->at) + size;
    if (!connection->blocked)
        flush(connection);
}

static void received(Client *client, const char *text, size_t size);
static void attached(Client *client);

/* A piece of the attachment that is on its way; how much of `data` belonged to it. */
static size_t compare(Client *client, const char *data, size_t size)
{
    if (size > client->rest)
        size = client->rest;
    if (memcmp(data, client->attachment, size))
        fail("client %d: a damaged attachment in place of %llu", client->number,
             (unsigned long long)client->next);
    client->attachment += size;
    client->rest -= size;
    if (!client->rest)
        attached(client);
    return size;
}

/* Handles the whole frames at the beginning of `data`; how many bytes they were. */
static size_t take_frames(Client *client, const char *data, size_t size)
{
    size_t at = 0;
    while (at < size) {
        if (client->rest) {
            at += compare(client, data + at, size - at);
            continue;
        }
        const unsigned char *frame = (const unsigned char *)data + at;
        if (size - at < 2)
            break;
        if ((frame[0] & 0xf0) != 0x80 || frame[1] & 0x80)
            fail("client %d: a frame that begins with %02x%02x: fragmented, masked or compressed",
                 client->number, frame[0], frame[1]);
        uint64_t length = frame[1];
        size_t head = length < 126 ? 2 : length == 126 ? 4 : 10;
        if (size - at < head)
            break;
        if (head > 2)
            for (length = 0, frame += 2; frame < (const unsigned char *)data + at + head; frame++)
                length = length << 8 | *frame;
        Opcode opcode = data[at] & 0x0f;
        if (opcode == BINARY && client->attachment && length == (uint64_t)option.padding) {
            client->rest = length;
            at += head;
            continue;
        }
        if (size - at - head < length)
            break;
        const char *payload = data + at + head;
        at += head + length;
        bool heartbeat = opcode == PING || (opcode == TEXT && length == 1 && *payload == '2');
        if (client->attachment && !heartbeat)
            fail("client %d: opcode %d with %llu bytes in place of an attachment", client->number,
                 opcode, (unsigned long long)length);
        if (opcode == TEXT)
            received(client, payload, length);
        else if (opcode == PING)
            send_frame(client, PONG, payload, length);
        else if (opcode == CLOSE)
            fail("client %d was disconnected with %d %.*s", client->number,
                 length < 2 ? 0 : (unsigned char)payload[0] << 8 | (unsigned char)payload[1],
                 length < 2 ? 0 : (int)length - 2, payload + 2);
        else
            fail("client %d: opcode %d, %.*s", client->number, opcode,
                 (int)(length < 300 ? length : 300), payload);
        if (client->state == LEFT)
            return size;
    }
    return at;
}

/* The value of a field in the head of a response that ends there, NULL when it has none. */
static char *field(char *at, const char *end, const char *name)
{
    size_t size = strlen(name);
    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        if (!strncasecmp(at, name, size) && at[size] == ':')
            return at + size + 1 + strspn(at + size + 1, " \t");
    }
    return NULL;
}

static void upgrade(Client *client)
{
    static unsigned number; /* no two requests are alike, as in life: a server cannot know them */
    Buffer *out = &client->main.out;
    put(out, "GET ");
    print(out, client->dialect->path, client->session);
    put(out, " HTTP/1.1\r\nHost: 127.0.0.1:");
    put_number(out, (uint64_t)option.port, 1);
    put(out, "\r\nUser-Agent: load/");
    put_number(out, ++number, 1);
    put(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\n");
    if (client->cookie) {
        put(out, "Cookie: ");
        put(out, client->cookie);
        put(out, "\r\n");
    }
    put(out, "Sec-WebSocket-Version: 13\r\n\r\n");
    flush(&client->main);
}

static void entered(Client *client);

/* Takes the answer to the upgrade request off `in`; false while it is incomplete. */
static bool upgraded(Connection *connection)
{
    Buffer *in = &connection->in;
    char *end = strstr(in->at, "\r\n\r\n");
    if (!end)
        return false;
    char *proof = field(in->at, end, "Sec-WebSocket-Accept");
    if (!begins(in->at, in->size, "HTTP/1.1 101 ") || !proof
        || strncmp(proof, PROOF "\r", strlen(PROOF "\r")))
        fail("the upgrade was answered %.400s", in->at);
    drop(in, (size_t)(end + 4 - in->at));
    connection->role = WEBSOCKET;
    if (!connection->client->dialect->opening)
        entered(connection->client);
    return true;
}

/* ---- long-polling ---- */

static void request(Connection *connection, const Buffer *body)
{
    Client *client = connection->client;
    Buffer *out = &connection->out;
    put(out, connection->role == GET ? "GET" : "POST");
    put(out, " /socket.io/?EIO=4&transport=polling");
    if (client->session[0]) {
        put(out, "&sid=");
        put(out, client->session);
    }
    put(out, " HTTP/1.1\r\nHost: 127.0.0.1:");
    put_number(out, (uint64_t)option.port, 1);
    if (body) {
        put(out, "\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: ");
        put_number(out, body->size, 1);
    }
    put(out, "\r\n\r\n");
    if (body)
        append(out, body->at, body->size);
    connection->busy = true;
    flush(connection);
}

/* Joins the chunks that begin at `from` in place; false while they are incomplete. */
static bool unchunk(Buffer *in, char *from, size_t *size, size_t *whole)
{
    for (int moving = 0; moving < 2; moving++) {
        char *at = from, *to = from, *end = in->at + in->size;
        for (size_t length = 1; length;) {
            char *line = memmem(at, (size_t)(end - at), "\r\n", 2);
            if (!line)
                return false;
            length = strtoul(at, NULL, 16);
            at = line + 2;
            if ((size_t)(end - at) < 2 || (size_t)(end - at) - 2 < length)
                return false;
            if (moving)
                memmove(to, at, length);
            to += length;
            at += length + 2;
        }
        *size = (size_t)(to - from);
        *whole = (size_t)(at - in->at);
    }
    return true;
}

/* The body of the HTTP response that `in` begins with, NULL while it is incomplete. */
static char *response(Buffer *in, size_t *size, size_t *whole)
{
    char *end = strstr(in->at, "\r\n\r\n");
    if (!end)
        return NULL;
    if (!begins(in->at, in->size, "HTTP/1.1 200 "))
        fail("a request was answered %.400s", in->at);
    char *body = end + 4;
    char *length = field(in->at, end, "Content-Length");
    if (length) {
        *size = strtoul(length, NULL, 10);
        *whole = (size_t)(body - in->at) + *size;
        return in->size < *whole ? NULL : body;
    }
    char *coding = field(in->at, end, "Transfer-Encoding");
    if (!coding || strncasecmp(coding, "chunked\r", 8))
        fail("a response without a length: %.400s", in->at);
    return unchunk(in, body, size, whole) ? body : NULL;
}

static void post_pending(Client *client)
{
    if (client->pending.size && !client->post.busy) {
        request(&client->post, &client->pending);
        client->pending.size = 0;
    }
}

static void take_response(Connection *connection)
{
    Client *client = connection->client;
    size_t size, whole;
    char *body = response(&connection->in, &size, &whole);
    if (!body)
        return;
    if (!connection->busy || connection->in.size > whole)
        fail("client %d: a response that nobody asked for", client->number);
    connection->busy = false;
    if (connection->role == POST) {
        if (size != 2 || strncasecmp(body, "ok", 2))
            fail("client %d: a POST was answered %.*s", client->number, (int)size, body);
        connection->in.size = 0;
        post_pending(client);
        return;
    }
    for (char *at = body, *end = body + size; at < end;) {
        char *stop = memchr(at, 0x1e, (size_t)(end - at));
        stop = stop ? stop : end;
        received(client, at, (size_t)(stop - at));
        at = stop + 1;
    }
    connection->in.size = 0;
    request(connection, NULL);
}

static void send_packet(Client *client, const char *text, size_t size)
{
    if (!scenario->polling) {
        send_frame(client, TEXT, text, size);
        return;
    }
    if (client->pending.size)
        append(&client->pending, "\x1e", 1);
    append(&client->pending, text, size);
    post_pending(client);
}

/* ---- pages, for which everything waits ---- */

/* Asks for a page and waits until it is all there; its body. */
static const char *fetch(Buffer *answer, const char *path)
{
    int fd = dial(0);
    struct timeval limit = {.tv_sec = (time_t)option.patience, .tv_usec = 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    print(answer, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n", path,
          option.port);
    ssize_t size = send(fd, answer->at, answer->size, MSG_NOSIGNAL);
    answer->size = 0;
    while (size > 0) {
        reserve(answer, 4096);
        size = recv(fd, answer->at + answer->size, 4096, 0);
        answer->size += size > 0 ? (size_t)size : 0;
        answer->at[answer->size] = 0;
    }
    close(fd);
    const char *body = strstr(answer->at, "\r\n\r\n");
    if (size < 0 || !body || !begins(answer->at, answer->size, "HTTP/1.1 200 "))
        fail("%s was answered %.400s", path, answer->at);
    return body + 4;
}

/* Logs a user in through a view of the application and keeps the cookie for the client. */
static void log_in(Client *client)
{
    Buffer answer = {0};
    char path[32];
    sprintf(path, "/login/user%d", client->number);
    fetch(&answer, path);
    static const char name[] = "\r\nSet-Cookie: ";
    char *found = strcasestr(answer.at, name);
    if (!found)
        fail("the login was answered %.400s", answer.at);
    found += strlen(name);
    client->cookie = strndup(found, strcspn(found, ";\r"));
    free(answer.at);
}

/* ---- dialects: Socket.IO 4, 0.9 and 0.6, SockJS, and WebSocket with nothing on top ---- */

static bool answer(Client *client, const char *text, size_t size)
{
    pings++;
    send_packet(client, text, size);
    return true;
}

static void eio4_write(Buffer *to, const char *event, const char *data)
{
    print(to, "4%s[\"%s\",%s]", scenario->binary ? "51-" : "2", event, data);
}

static bool eio4_control(Client *client, const char *text, size_t size)
{
    if (size == 1 && *text == '2')
        return answer(client, "3", 1);
    return size == 1 && *text == '6';
}

static void sio09_session(Client *client)
{
    Buffer page = {0};
    const char *body = fetch(&page, "/socket.io/1/");
    size_t size = strcspn(body, ":");
    if (!body[size] || size >= sizeof client->session)
        fail("the handshake was answered %.400s", page.at);
    memcpy(client->session, body, size);
    client->session[size] = 0;
    free(page.at);
}

static void sio09_write(Buffer *to, const char *event, const char *data)
{
    print(to, "5:::{\"name\":\"%s\",\"args\":[%s]}", event, data);
}

static bool sio09_control(Client *client, const char *text, size_t size)
{
    return size == 3 && !memcmp(text, "2::", 3) && answer(client, text, size);
}

static void sio06_write(Buffer *to, const char *event, const char *data)
{
    static Buffer body;
    body.size = 0;
    print(&body, "~j~{\"event\":\"%s\",\"args\":[%s]}", event, data);
    print(to, "~m~%zu~m~%s", body.size, body.at);
}

static bool sio06_control(Client *client, const char *text, size_t size)
{
    size_t at = begins(text, size, "~m~") ? 3 : size;
    while (at < size && isdigit((unsigned char)text[at]))
        at++;
    return begins(text + at, size - at, "~m~~h~") && answer(client, text, size);
}

static void plain_write(Buffer *to, const char *event, const char *data)
{
    print(to, "[\"%s\",%s]", event, data);
}

/* Its heartbeats are the pings of WebSocket. */
static bool plain_control(Client *client, const char *text, size_t size)
{
    (void)client, (void)text, (void)size;
    return false;
}

static void sockjs_session(Client *client)
{
    sprintf(client->session, "client%d", client->number);
}

/* The plain text as the only message of an array. */
static void sockjs_write(Buffer *to, const char *event, const char *data)
{
    static Buffer message;
    message.size = 0;
    plain_write(&message, event, data);
    append(to, "a[\"", 3);
    for (const char *at = message.at; *at; at++) {
        if (*at == '"' || *at == '\\')
            append(to, "\\", 1);
        append(to, at, 1);
    }
    append(to, "\"]", 2);
}

static bool sockjs_control(Client *client, const char *text, size_t size)
{
    (void)client;
    return size == 1 && *text == 'h'; /* which wants no answer */
}

static const Dialect dialects[] = {
    {.path = "/socket.io/?EIO=4&transport=websocket", .opening = "0{", .connects = true,
     .question = "42[\"tell\",\"ready\"]", .write = eio4_write, .control = eio4_control},
    {.path = "/socket.io/1/websocket/%s", .session = sio09_session, .opening = "1::",
     .question = "5:::{\"name\":\"tell\",\"args\":[\"ready\"]}",
     .write = sio09_write, .control = sio09_control},
    {.path = "/socket.io/websocket", .opening = "~m~",
     .question = "~m~36~m~~j~{\"event\":\"tell\",\"args\":[\"ready\"]}",
     .write = sio06_write, .control = sio06_control},
    {.path = "/sockjs/000/%s/websocket", .session = sockjs_session, .opening = "o",
     .question = "[\"[\\\"tell\\\",\\\"ready\\\"]\"]",
     .write = sockjs_write, .control = sockjs_control},
    {.path = "/ws", .question = "[\"tell\",\"ready\"]",
     .write = plain_write, .control = plain_control},
};

#define DIALECTS ((int)(sizeof dialects / sizeof *dialects))

/* ---- a client's way to its first event ---- */

static void open_client(int number)
{
    Client *client = &clients[number];
    client->number = number;
    client->dialect = &dialects[scenario->mixed ? number % DIALECTS : 0];
    client->state = OPENING;
    client->since = now = clock_of(CLOCK_MONOTONIC);
    client->next = client->rest = 0;
    client->session[0] = 0;
    client->attachment = NULL;
    owe(1);
    if (client->dialect->session)
        client->dialect->session(client);
    connect_to_server(&client->main, client, scenario->polling ? GET : UPGRADING);
    if (scenario->polling) {
        connect_to_server(&client->post, client, POST);
        request(&client->main, NULL);
    } else {
        upgrade(client);
    }
}

/* Takes the server's id out of a packet. */
static void keep_id(char *id, size_t room, const char *text, size_t size)
{
    const char *at = memmem(text, size, "\"sid\"", 5), *end = text + size;
    const char *from = at ? memchr(at + 5, '"', (size_t)(end - at - 5)) : NULL;
    const char *to = from ? memchr(from + 1, '"', (size_t)(end - from - 1)) : NULL;
    if (!to || (size_t)(to - from) > room)
        fail("no sid in %.*s", (int)size, text);
    memcpy(id, from + 1, (size_t)(to - from - 1));
    id[to - from - 1] = 0;
}

/* Sends an event whose acknowledgement must be what `expected` holds. */
static void ask(Client *client, uint64_t id, const char *event, const Buffer *data)
{
    static Buffer packet;
    packet.size = 0;
    put(&packet, "42");
    put_number(&packet, id, 1);
    put(&packet, "[\"");
    put(&packet, event);
    put(&packet, "\",");
    append(&packet, data->at, data->size);
    put(&packet, "]");
    client->since = now;
    owe(1);
    send_packet(client, packet.at, packet.size);
}

static bool answered(Client *client, const char *text, size_t size)
{
    return client->expected.size && same(text, size, &client->expected);
}

static void is_ready(Client *client)
{
    client->state = READY;
    ready++;
}

/* An answered event proves that the server's connect handler, and so its join, is done. */
static void prove(Client *client, const char *event, const char *data)
{
    Buffer json = {0};
    print(&json, "\"%s\"", data);
    client->expected.size = 0;
    print(&client->expected, "430[\"%s\"]", data);
    client->state = PROVING;
    ask(client, 0, event, &json);
    free(json.at);
}

static void echo_joined(Client *client)
{
    prove(client, "echo", "ready");
}

/* Not every dialect has acknowledgements, so an event is answered by another one. */
static void mixed_joined(Client *client)
{
    client->expected.size = 0;
    client->dialect->write(&client->expected, "told", "\"ready\"");
    client->state = PROVING;
    owe(1);
    send_packet(client, client->dialect->question, strlen(client->dialect->question));
}

static void entered(Client *client)
{
    paid();
    scenario->joined(client);
}

/* One packet of Engine.IO, or of another dialect. */
static void received(Client *client, const char *text, size_t size)
{
    const Dialect *dialect = client->dialect;
    if (dialect->control(client, text, size))
        return;
    if (client->state == OPENING && begins(text, size, dialect->opening)) {
        if (scenario->polling)
            keep_id(client->session, sizeof client->session, text, size);
        if (!dialect->connects) {
            entered(client);
            return;
        }
        client->state = JOINING;
        send_packet(client, scenario->connect, strlen(scenario->connect));
    } else if (client->state == JOINING && begins(text, size, scenario->connect)) {
        keep_id(client->sid, sizeof client->sid, text, size);
        entered(client);
    } else if (client->state == PROVING && answered(client, text, size)) {
        paid();
        client->expected.size = 0;
        is_ready(client);
    } else if (client->state == READY && scenario->message) {
        scenario->message(client, text, size);
    } else {
        fail("client %d: %.*s came unasked", client->number, (int)(size < 300 ? size : 300), text);
    }
}

static void leave(Client *client)
{
    client->state = LEFT;
    send_frame(client, CLOSE, "\x03\xe8", 2);
    owe(1);
}

/* ---- the loop ---- */

static void open_next(Client *client);

static void closed(Connection *connection)
{
    Client *client = connection->client;
    if (client->state != LEFT)
        fail("client %d was disconnected", client->number);
    close(connection->fd);
    left++;
    paid();
    open_next(client);
}

static void readable(Connection *connection)
{
    static char chunk[1 << 18];
    Client *client = connection->client;
    Buffer *in = &connection->in;
    ssize_t size = recv(connection->fd, chunk, sizeof chunk, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size < 0 && client->state != LEFT)
        fail("client %d was disconnected: %s", client->number, strerror(errno));
    if (size <= 0) {
        closed(connection);
        return;
    }
    if (client->state == LEFT)
        return;
    if (connection->role == WEBSOCKET && !in->size) {
        size_t taken = take_frames(client, chunk, (size_t)size);
        append(in, chunk + taken, (size_t)size - taken);
        return;
    }
    append(in, chunk, (size_t)size);
    if (connection->role == GET || connection->role == POST)
        take_response(connection);
    else if (connection->role == WEBSOCKET || upgraded(connection))
        drop(in, take_frames(client, in->at, in->size));
}

/* Waits for bytes, at most until `until`, and handles all that have come. */
static void turn(uint64_t until)
{
    struct epoll_event events[256];
    now = clock_of(CLOCK_MONOTONIC);
    uint64_t wait = until > now ? (until - now) / 1000000 + 1 : 0;
    int found = epoll_wait(poll_fd, events, 256, wait < NAP ? (int)wait : NAP);
    if (found < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < found; i++) {
        Connection *connection = events[i].data.ptr;
        now = clock_of(CLOCK_MONOTONIC);
        if (!connection) {
            uint64_t ticks;
            if (read(timer_fd, &ticks, sizeof ticks) > 0)
                due();
            continue;
        }
        if (events[i].events & EPOLLOUT)
            flush(connection);
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            readable(connection);
    }
    now = clock_of(CLOCK_MONOTONIC);
    if (owed && now > progress + ns(option.patience))
        fail("%llu %s lost: nothing came for %g s", (unsigned long long)owed,
             ready < option.clients ? "answers" : scenario->unit, option.patience);
}

static void wait_for(double seconds)
{
    now = clock_of(CLOCK_MONOTONIC);
    for (uint64_t end = now + ns(seconds); now < end;)
        turn(end);
}

static void drain(void)
{
    sending = false;
    while (owed)
        turn(NEVER);
}

static void open_clients(int number)
{
    for (int begun = 0; ready < number; turn(NEVER))
        while (begun < number && begun - ready < AT_ONCE)
            open_client(begun++);
}

/* ---- fan-out: one client broadcasts to a room with everybody in it, `window` at a time ---- */

static char *padding; /* as many x as an event carries */

static struct {
    uint64_t sent, over; /* broadcasts sent, and those of them that every client has */
    struct { int arrived; uint64_t since; Buffer packets[DIALECTS]; } *window;
    char *pattern;
} fanout;

static void broadcast(void)
{
    static Buffer data, packet;
    while (sending && fanout.sent < fanout.over + (uint64_t)option.window) {
        uint64_t slot = fanout.sent % (uint64_t)option.window;
        data.size = packet.size = 0;
        print(&data, "{\"n\":\"%010llu\",\"p\":", (unsigned long long)fanout.sent);
        if (scenario->binary)
            print(&data, "{\"_placeholder\":true,\"num\":0}}");
        else
            print(&data, "\"%s\"}", padding);
        eio4_write(&packet, "bcast", data.at);
        for (int i = 0; i < (scenario->mixed ? DIALECTS : 1); i++) {
            Buffer *expected = &fanout.window[slot].packets[i];
            expected->size = 0;
            dialects[i].write(expected, "msg", data.at);
        }
        now = clock_of(CLOCK_MONOTONIC);
        fanout.window[slot].since = now;
        owe((uint64_t)option.clients);
        send_packet(&clients[0], packet.at, packet.size);
        if (scenario->binary)
            send_frame(&clients[0], BINARY, fanout.pattern + fanout.sent % PATTERN,
                       (size_t)option.padding);
        fanout.sent++;
    }
}

static void fanout_start(void)
{
    fanout.window = calloc((size_t)option.window, sizeof *fanout.window);
    size_t size = (size_t)option.padding + PATTERN;
    fanout.pattern = malloc(size);
    uint32_t random = 1;
    for (size_t i = 0; i < size; i++, random = random * 1664525 + 1013904223)
        fanout.pattern[i] = (char)(random >> 24);
    broadcast();
}

static void fanout_delivered(Client *client)
{
    uint64_t slot = client->next++ % (uint64_t)option.window;
    delivered(fanout.window[slot].since);
    if (++fanout.window[slot].arrived < option.clients)
        return;
    fanout.window[slot].arrived = 0;
    fanout.over++; /* in order: whoever has this broadcast has had those before it */
    broadcast();
}

static void fanout_message(Client *client, const char *text, size_t size)
{
    int shown = (int)(size < 300 ? size : 300);
    if (client->next == fanout.sent)
        fail("client %d: a surplus delivery, %.*s", client->number, shown, text);
    uint64_t slot = client->next % (uint64_t)option.window;
    if (!same(text, size, &fanout.window[slot].packets[client->dialect - dialects]))
        fail("client %d: %.*s in place of %llu", client->number, shown, text,
             (unsigned long long)client->next);
    if (scenario->binary)
        client->attachment = fanout.pattern + client->next % PATTERN;
    else
        fanout_delivered(client);
}

static void attached(Client *client)
{
    client->attachment = NULL;
    fanout_delivered(client);
}

/* ---- echo: every client sends an event, waits for its acknowledgement, and sends the next ---- */

/* No other client sends the same events, and a client goes round a million of them. */
static uint64_t echo_number(const Client *client)
{
    return ((uint64_t)client->number * 1000000 + client->next % 1000000) % 10000000000ull;
}

static uint64_t echo_id(const Client *client)
{
    return client->next % 1000;
}

/* Both the data of the client's next event and the beginning of its acknowledgement. */
static Buffer *echo_data(Client *client, bool numbered)
{
    static Buffer data;
    data.size = client->expected.size = 0;
    put(&data, "{\"n\":\"");
    put_number(&data, echo_number(client), DIGITS);
    put(&data, "\",\"p\":\"");
    append(&data, padding, (size_t)option.padding - (numbered ? DIGITS : 0));
    if (numbered)
        put_number(&data, echo_number(client), DIGITS);
    put(&data, "\"}");
    put(&client->expected, "43");
    put_number(&client->expected, echo_id(client), 1);
    put(&client->expected, "[");
    return &data;
}

static void echo_send(Client *client)
{
    Buffer *data = echo_data(client, false);
    append(&client->expected, data->at, data->size);
    put(&client->expected, "]");
    ask(client, echo_id(client), "echo", data);
}

/* The handler reads request and session: the answer tells the socket id and the user. */
static void context_send(Client *client)
{
    Buffer *data = echo_data(client, false);
    append(&client->expected, data->at, data->size - 1);
    print(&client->expected, ",\"sid\":\"%s\",\"user\":\"user%d\"}]", client->sid, client->number);
    ask(client, echo_id(client), "context", data);
}

/* The answer tells the number, the size, and the end of what came. */
static void upload_send(Client *client)
{
    unsigned long long number = echo_number(client);
    Buffer *data = echo_data(client, true);
    print(&client->expected, "\"%010llu\",%d,\"%010llu\"]", number, option.padding, number);
    ask(client, echo_id(client), "upload", data);
}

static void echo_start(void)
{
    for (int i = 0; i < option.clients; i++)
        scenario->ask(&clients[i]);
}

static void echo_message(Client *client, const char *text, size_t size)
{
    if (!answered(client, text, size))
        fail("client %d: %.*s in place of %s", client->number, (int)(size < 250 ? size : 250), text,
             client->expected.size ? client->expected.at : "nothing");
    client->expected.size = 0;
    client->next++;
    delivered(client->since);
    if (sending)
        scenario->ask(client);
}

/* ---- rooms: an open loop of messages, each to the sender's room of `room` clients ---- */

static struct {
    int number;      /* of rooms */
    uint64_t sent;   /* messages */
    uint64_t base;   /* the message that was due at `begin` */
    uint64_t begin;
    double interval; /* ns from one message to the next */
    bool overloaded, impatient; /* impatient: an overloaded server is given up at once */
} rooms;

static uint64_t scheduled(uint64_t message)
{
    return rooms.begin + (uint64_t)((double)(message - rooms.base) * rooms.interval);
}

/* Rooms take turns, and so do the members of each. */
static void rooms_due(void)
{
    static Buffer packet;
    while (sending && scheduled(rooms.sent) <= now) {
        uint64_t number = rooms.sent, room = number % (uint64_t)rooms.number;
        uint64_t member = number / (uint64_t)rooms.number % (uint64_t)option.room;
        packet.size = 0;
        put(&packet, "42[\"say\",\"room");
        put_number(&packet, room, 1);
        put(&packet, "\",{\"n\":\"");
        put_number(&packet, number, DIGITS);
        put(&packet, "\",\"p\":\"");
        append(&packet, padding, (size_t)option.padding);
        put(&packet, "\"}]");
        owe((uint64_t)option.room);
        rooms.sent++;
        send_packet(&clients[room + member * (uint64_t)rooms.number], packet.at, packet.size);
    }
    if (!sending)
        return;
    uint64_t at = scheduled(rooms.sent);
    at = at > now + PACE ? at : now + PACE; /* setting a timer costs as much as some deliveries */
    struct itimerspec next = {.it_value = {(time_t)(at / SECOND), (long)(at % SECOND)}};
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &next, NULL);
}

static void rooms_joined(Client *client)
{
    char room[32];
    sprintf(room, "room%d", client->number % (option.clients / option.room));
    prove(client, "join", room);
}

static void rooms_rate(double deliveries)
{
    now = clock_of(CLOCK_MONOTONIC);
    rooms.interval = (double)SECOND * option.room / deliveries;
    rooms.base = rooms.sent;
    rooms.begin = now;
    rooms.overloaded = false;
    sending = true;
    rooms_due();
}

static void rooms_prepare(void)
{
    rooms.number = option.clients / option.room;
    for (int i = 0; i < option.clients; i++) {
        clients[i].heard = calloc((size_t)option.room, sizeof *clients[i].heard);
        for (int member = 0; member < option.room; member++)
            clients[i].heard[member] = (uint64_t)member;
    }
    due = rooms_due;
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (timer_fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer_fd, &event))
        fail("timerfd: %s", strerror(errno));
}

static void rooms_start(void)
{
    rooms_prepare();
    rooms_rate(option.rate);
}

/* Whether ten digits stand there, and the number that they are. */
static bool number_at(const char *text, uint64_t *number)
{
    *number = 0;
    for (int i = 0; i < DIGITS; i++) {
        unsigned digit = (unsigned)(text[i] - '0');
        if (digit > 9)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

/* The number of a message: its first ten digits in a row; NULL if there are none. */
static const char *number_in(const char *text, size_t size, uint64_t *number)
{
    for (size_t i = 0; i + DIGITS <= size; i++)
        if (number_at(text + i, number))
            return text + i;
    return NULL;
}

static void rooms_message(Client *client, const char *text, size_t size)
{
    static Buffer expected;
    static const char head[] = "42[\"said\",{\"n\":\"";
    if (!expected.size)
        print(&expected, "%s%010d\",\"p\":\"%s\"}]", head, 0, padding);
    int shown = (int)(size < 300 ? size : 300);
    uint64_t number;
    const char *digits = text + strlen(head); /* unless the JSON is spaced */
    if (size != expected.size || !number_at(digits, &number))
        digits = number_in(text, size, &number);
    if (digits)
        memcpy(expected.at + strlen(head), digits, DIGITS);
    if (!digits || !same(text, size, &expected) || number >= rooms.sent)
        fail("client %d: %.*s, which nobody said", client->number, shown, text);
    uint64_t count_of_rooms = (uint64_t)rooms.number, in_room = number / count_of_rooms;
    if (number % count_of_rooms != (uint64_t)client->number % count_of_rooms)
        fail("client %d: %.*s of another room", client->number, shown, text);
    uint64_t *heard = &client->heard[in_room % (uint64_t)option.room];
    if (in_room != *heard)
        fail("client %d: %.*s in place of %llu", client->number, shown, text,
             (unsigned long long)(*heard * count_of_rooms + number % count_of_rooms));
    *heard += (uint64_t)option.room;
    uint64_t since = scheduled(number);
    rooms.overloaded |= now > since + OVERLOADED;
    delivered(since);
}

/* ---- connect: clients that leave when they are in, and come again ---- */

static void connect_start(void)
{
    ready = option.clients;
    for (int i = 0; i < option.clients; i++)
        open_client(i);
}

static void connect_joined(Client *client)
{
    count++;
    record(client->since);
    leave(client);
}

static void open_next(Client *client)
{
    if (sending)
        open_client(client->number);
}

/* ---- storm: clients that all come to a server that has just started, and stay ---- */

static void storm_joined(Client *client)
{
    count++;
    record(client->since);
    is_ready(client);
}

/* ---- idle: clients that are there ---- */

static void context_joined(Client *client)
{
    client->state = PROVING;
    context_send(client);
}

/* ---- the measured stretch ---- */

typedef struct {
    uint64_t time, count;
    double generator, server;
} Reading;

static Reading read_all(void)
{
    return (Reading){clock_of(CLOCK_MONOTONIC), count,
                     (double)clock_of(CLOCK_PROCESS_CPUTIME_ID) / (double)SECOND, server_cpu()};
}

typedef struct {
    double figure, rate, seconds, p50, p99, generator, server;
    uint64_t count;
} Result;

static void measured_since(Reading before, Result *result)
{
    Reading after = read_all();
    result->seconds = (double)(after.time - before.time) / (double)SECOND;
    result->figure = result->rate = (double)(after.count - before.count) / result->seconds;
    result->generator = (after.generator - before.generator) / result->seconds;
    result->server = (after.server - before.server) / result->seconds;
}

static void stretch(double seconds, Result *result)
{
    memset(latencies, 0, sizeof latencies);
    Reading before = read_all();
    measured_from = before.time;
    measured_until = before.time + ns(seconds);
    while (now < measured_until && !(rooms.impatient && rooms.overloaded))
        turn(measured_until);
    measured_since(before, result);
}

/* From the first connect of all until every client is in. */
static void storm(Result *result)
{
    Reading before = read_all();
    measured_from = before.time;
    open_clients(option.clients);
    measured_since(before, result);
}

static void finish(Result *result)
{
    drain();
    result->p50 = latency(0.50);
    result->p99 = latency(0.99);
    result->count = count;
}

/* Whether the server bears that many deliveries a second; whatever happens, all must arrive. */
static bool bears(double rate, Result *result)
{
    Result tried = {0};
    for (int attempt = 0; attempt < 2; attempt++) {
        rooms_rate(rate);
        wait_for(option.warmup / 2);
        stretch(option.seconds / 2, &tried);
        finish(&tried);
        if (!rooms.overloaded && tried.p99 < BEARABLE) {
            *result = tried;
            return true;
        }
    }
    return false;
}

/* The highest rate that the server bears: doubled until it does not, then refined to 1/8. */
static void highest_rate(Result *result)
{
    rooms_prepare();
    rooms.impatient = true;
    double good = 0, rate = option.rate;
    for (; bears(rate, result); rate *= 2)
        good = rate;
    for (; !good && rate > 100; good = bears(rate, result) ? rate : 0)
        rate /= 2;
    for (double step = good / 2; good && step >= good / 8; step /= 2)
        good += bears(good + step, result) ? step : 0;
    result->figure = good;
}

/* KiB of the server's memory for each client, without what the first clients cost it. */
static void memory_of_clients(Result *result)
{
    if (!option.server)
        fail("a scenario about memory needs --server-pid");
    int first = option.clients < AT_ONCE ? option.clients : AT_ONCE;
    open_clients(first);
    for (int i = 0; i < first; i++)
        leave(&clients[i]);
    while (left < first)
        turn(NEVER);
    wait_for(option.warmup);
    double before = server_memory();
    ready = 0;
    open_clients(option.clients);
    stretch(option.seconds, result);
    result->figure = (server_memory() - before) / option.clients;
    finish(result);
    result->count = (uint64_t)ready;
}

static const Scenario scenarios[] = {
    {.name = "fanout", .unit = "deliveries", .connect = "40", .joined = echo_joined,
     .start = fanout_start, .message = fanout_message},
    {.name = "mixed", .unit = "deliveries", .connect = "40", .joined = mixed_joined,
     .start = fanout_start, .message = fanout_message, .mixed = true},
    {.name = "binary", .unit = "deliveries", .connect = "40", .joined = echo_joined,
     .start = fanout_start, .message = fanout_message, .binary = true},
    {.name = "echo", .unit = "acknowledgements", .connect = "40", .joined = echo_joined,
     .start = echo_start, .message = echo_message, .ask = echo_send},
    {.name = "echo-context", .unit = "acknowledgements", .connect = "40", .joined = echo_joined,
     .start = echo_start, .message = echo_message, .ask = context_send, .users = true},
    {.name = "polling", .unit = "acknowledgements", .connect = "40", .joined = echo_joined,
     .start = echo_start, .message = echo_message, .ask = echo_send, .polling = true},
    {.name = "upload", .unit = "acknowledgements", .connect = "40", .joined = echo_joined,
     .start = echo_start, .message = echo_message, .ask = upload_send},
    {.name = "rooms", .unit = "deliveries", .connect = "40", .joined = rooms_joined,
     .start = rooms_start, .message = rooms_message},
    {.name = "rooms-max", .unit = "deliveries", .connect = "40", .joined = rooms_joined,
     .message = rooms_message},
    {.name = "connect", .unit = "connections", .connect = "40", .joined = connect_joined,
     .start = connect_start},
    {.name = "connect-session", .unit = "connections", .connect = "40/session,",
     .joined = connect_joined, .start = connect_start, .users = true},
    {.name = "storm", .unit = "connections", .connect = "40", .joined = storm_joined},
    {.name = "storm-session", .unit = "connections", .connect = "40/session,",
     .joined = storm_joined, .users = true},
    {.name = "idle", .unit = "answers", .connect = "40", .joined = echo_joined},
    {.name = "idle-context", .unit = "answers", .connect = "40", .joined = context_joined,
     .users = true},
};

static bool is(const char *name)
{
    return !strcmp(scenario->name, name);
}

static void measure(Result *result)
{
    if (is("idle") || is("idle-context")) {
        memory_of_clients(result);
        return;
    }
    if (scenario->message)
        open_clients(option.clients);
    if (scenario->joined == storm_joined) {
        storm(result);
        finish(result);
    } else if (is("rooms-max")) {
        highest_rate(result);
    } else {
        sending = true;
        now = clock_of(CLOCK_MONOTONIC);
        scenario->start();
        wait_for(option.warmup);
        stretch(option.seconds, result);
        finish(result);
    }
    if (is("binary") || is("upload"))
        result->figure = result->rate * option.padding / 1e6;
    double aftermath = (double)AFTERMATH / (double)SECOND;
    wait_for(aftermath);
}

/* ---- the command ---- */

static void usage(void)
{
    fprintf(stderr, "usage: load SCENARIO --port PORT [--clients N] [--window W] [--padding BYTES]\n"
                    "            [--room CLIENTS] [--rate DELIVERIES] [--seconds S] [--warmup S]\n"
                    "            [--patience S] [--server-pid PID]\nscenarios:");
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        fprintf(stderr, " %s", scenarios[i].name);
    fprintf(stderr, "\n");
    exit(2);
}

static void options(int argc, char **argv)
{
    static const struct option known[] = {
        {"port", 1, NULL, 'p'},    {"clients", 1, NULL, 'c'},  {"window", 1, NULL, 'w'},
        {"padding", 1, NULL, 'b'}, {"room", 1, NULL, 'r'},     {"rate", 1, NULL, 'o'},
        {"seconds", 1, NULL, 's'}, {"warmup", 1, NULL, 'u'},   {"patience", 1, NULL, 't'},
        {"server-pid", 1, NULL, 'P'}, {NULL, 0, NULL, 0},
    };
    for (int found; (found = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (found) {
        case 'p': option.port = atoi(optarg); break;
        case 'c': option.clients = atoi(optarg); break;
        case 'w': option.window = atoi(optarg); break;
        case 'b': option.padding = atoi(optarg); break;
        case 'r': option.room = atoi(optarg); break;
        case 'o': option.rate = atof(optarg); break;
        case 's': option.seconds = atof(optarg); break;
        case 'u': option.warmup = atof(optarg); break;
        case 't': option.patience = atof(optarg); break;
        case 'P': option.server = atol(optarg); break;
        default: usage();
        }
    }
    for (size_t i = 0; optind == argc - 1 && i < sizeof scenarios / sizeof *scenarios; i++)
        if (!strcmp(argv[optind], scenarios[i].name))
            scenario = &scenarios[i];
    if (!scenario || option.port < 1 || option.clients < 1 || option.window < 1
        || option.padding < DIGITS || option.room < 1 || option.rate <= 0
        || (scenario->message == rooms_message && option.clients % option.room))
        usage();
}

int main(int argc, char **argv)
{
    options(argc, argv);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    clients = calloc((size_t)option.clients, sizeof *clients);
    padding = malloc((size_t)option.padding + 1);
    if (poll_fd < 0 || !clients || !padding)
        fail("out of memory");
    memset(padding, 'x', (size_t)option.padding);
    padding[option.padding] = 0;
    for (int i = 0; i < option.clients; i++) {
        clients[i].number = i;
        if (scenario->users)
            log_in(&clients[i]);
    }
    Result result = {0};
    measure(&result);
    printf("{\"exact\": true, \"figure\": %.3f, \"rate\": %.3f, \"count\": %llu, \"seconds\": %.3f, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"generator_cpu\": %.3f, \"server_cpu\": %.3f, "
           "\"pings\": %llu}\n",
           result.figure, result.rate, (unsigned long long)result.count, result.seconds, result.p50,
           result.p99, result.generator, result.server, (unsigned long long)pings);
    return 0;
}
