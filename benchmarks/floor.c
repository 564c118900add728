/*
 * The floor: the least that any server on this machine has to do for the load of load.c. It is not
 * a Socket.IO server. It knows what the generator sends and cuts strings where a server has to
 * parse HTTP and JSON; it beats no heart, asks for no origin and limits nothing, and the key of
 * every handshake is the example of RFC 6455 section 1.3.
 *
 *     floor PORT
 *
 * What is left is the kernel's work and the moving of bytes: one thread around epoll, sockets that
 * do not block, every frame unmasked, an event framed once, and one send for what a client is owed
 * when it is its turn. To the generator it looks like a server of Engine.IO 4 and Socket.IO 5.
 *
 * In order: buffers; connections, clients, rooms; the way out; packets; WebSocket; HTTP; the loop.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PROOF "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define CHUNK (1 << 18) /* bytes that are read from a socket at a time */
#define SLICE 64        /* connections that are sent to before the others are read again */
#define ROOMS 10000
#define SID 20 /* digits of a session's id */

/* ---- buffers: always followed by a zero byte once they were written to ---- */

typedef struct {
    char *at;
    size_t size, room;
} Buffer;

static void *need(void *memory)
{
    if (!memory) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return memory;
}

static void reserve(Buffer *buffer, size_t more)
{
    size_t least = buffer->size + more + 1;
    if (least <= buffer->room)
        return;
    buffer->room = least > 2 * buffer->room ? least : 2 * buffer->room;
    buffer->at = need(realloc(buffer->at, buffer->room));
}

static void append(Buffer *buffer, const void *data, size_t size)
{
    reserve(buffer, size);
    memcpy(buffer->at + buffer->size, data, size);
    buffer->at[buffer->size += size] = 0;
}

static void drop(Buffer *buffer, size_t size)
{
    buffer->size -= size;
    memmove(buffer->at, buffer->at + size, buffer->size + 1);
}

/* ---- connections, and the sessions of Engine.IO that they carry ---- */

typedef enum { TEXT = 1, BINARY = 2, CLOSE = 8 } Opcode;
typedef struct Client Client;

/* An attachment that was framed once and is on its way to many. */
typedef struct {
    size_t users, size;
    char data[];
} Attachment;

typedef struct Connection {
    int fd;
    bool websocket, ending, blocked; /* blocked: the kernel has refused bytes */
    bool due;                        /* there is something to send, or it ends */
    struct Connection *next;         /* that is due */
    Buffer in, out;
    Attachment *attachment; /* follows `out` */
    size_t sent;            /* bytes of the two that are gone */
    Client *client;         /* that it carries */
} Connection;

struct Client {
    bool polling;
    Connection *carrier; /* its WebSocket, or its GET that waits */
    Buffer pending;      /* of polling: packets for the next GET */
    size_t number, room, place[2]; /* its room, and where it stands in `all` and in its room */
};

typedef struct {
    Client **members;
    size_t size, room;
} Room;

static int poll_fd;
static Room rooms[1 + ROOMS]; /* the first has everybody */
static Client **polling;      /* sessions of polling by number; they stay */
static size_t clients;
static Connection *first_due, **last_due = &first_due;

static void due(Connection *connection)
{
    if (connection->due)
        return;
    connection->due = true;
    connection->next = NULL;
    *last_due = connection;
    last_due = &connection->next;
}

static void join(Client *client, size_t number)
{
    Room *room = &rooms[number];
    if (room->size == room->room) {
        room->room = 2 * room->room + 32;
        room->members = need(realloc(room->members, room->room * sizeof *room->members));
    }
    if (number)
        client->room = number;
    client->place[number > 0] = room->size;
    room->members[room->size++] = client;
}

static void leave(Client *client, size_t number)
{
    Room *room = &rooms[number];
    size_t place = client->place[number > 0]; /* of whoever is there, if it has not joined */
    if (place >= room->size || room->members[place] != client)
        return;
    room->members[place] = room->members[--room->size];
    room->members[place]->place[number > 0] = place;
}

static Client *new_client(Connection *connection)
{
    Client *client = need(calloc(1, sizeof *client));
    client->number = clients++;
    connection->client = client;
    return client;
}

/* A connection is over, and so is its client; what that is owed may still leave in this turn. */
static void end(Connection *connection)
{
    connection->ending = true;
    due(connection);
    Client *client = connection->client;
    if (client) {
        client->carrier = NULL;
        leave(client, 0);
        leave(client, client->room);
    }
}

/* ---- the way out ---- */

static void watch(Connection *connection, int operation)
{
    struct epoll_event event = {
        .events = EPOLLIN | (connection->blocked ? (uint32_t)EPOLLOUT : 0),
        .data.ptr = connection,
    };
    if (epoll_ctl(poll_fd, operation, connection->fd, &event)) {
        perror("epoll_ctl");
        exit(1);
    }
}

static void detach(Connection *connection)
{
    if (connection->attachment && !--connection->attachment->users)
        free(connection->attachment);
    connection->attachment = NULL;
}

static void flush(Connection *connection)
{
    Buffer *out = &connection->out;
    Attachment *attachment = connection->attachment;
    size_t all = out->size + (attachment ? attachment->size : 0), sent = connection->sent;
    if (sent < all) {
        struct iovec parts[2];
        struct msghdr message = {.msg_iov = parts};
        if (sent < out->size)
            parts[message.msg_iovlen++] = (struct iovec){out->at + sent, out->size - sent};
        if (attachment) {
            size_t from = sent > out->size ? sent - out->size : 0;
            parts[message.msg_iovlen++] =
                (struct iovec){attachment->data + from, attachment->size - from};
        }
        ssize_t size = attachment
                           ? sendmsg(connection->fd, &message, MSG_NOSIGNAL)
                           : send(connection->fd, out->at + sent, all - sent, MSG_NOSIGNAL);
        if (size < 0 && errno != EAGAIN)
            end(connection);
        connection->sent += size > 0 ? (size_t)size : 0;
    }
    if (connection->sent == all) {
        detach(connection);
        out->size = connection->sent = 0;
    } else if (!attachment) {
        drop(out, connection->sent);
        connection->sent = 0;
    }
    if (connection->blocked != (out->size > 0) && !connection->ending) {
        connection->blocked = out->size > 0;
        watch(connection, EPOLL_CTL_MOD);
    }
}

/* A frame that begins with a head of so many bytes; polling has the packet that follows it. */
static void deliver(Client *client, const Buffer *frame, size_t head)
{
    Connection *carrier = client->carrier;
    if (client->polling) {
        if (client->pending.size)
            append(&client->pending, "\x1e", 1);
        append(&client->pending, frame->at + head, frame->size - head);
    } else {
        if (carrier->attachment) { /* it has to go first */
            append(&carrier->out, carrier->attachment->data, carrier->attachment->size);
            detach(carrier);
        }
        append(&carrier->out, frame->at, frame->size);
    }
    if (carrier)
        due(carrier);
}

/* Appends the head of a frame; its length. */
static size_t begin_frame(Buffer *to, Opcode opcode, size_t size)
{
    unsigned char head[10] = {0x80 | (unsigned char)opcode};
    int bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
    head[1] = (unsigned char)(bytes == 0 ? size : bytes == 2 ? 126 : 127);
    for (int i = 0; i < bytes; i++)
        head[2 + i] = (unsigned char)((uint64_t)size >> 8 * (bytes - 1 - i));
    append(to, head, 2 + (size_t)bytes);
    return 2 + (size_t)bytes;
}

static void tell(const Room *room, const char *text, size_t size)
{
    static Buffer frame;
    frame.size = 0;
    size_t head = begin_frame(&frame, TEXT, size);
    append(&frame, text, size);
    for (size_t i = 0; i < room->size; i++)
        deliver(room->members[i], &frame, head);
}

static void reply(Client *client, const char *text, size_t size)
{
    tell(&(Room){&client, 1, 1}, text, size);
}

/* ---- packets ---- */

static Buffer held; /* the frame of an event whose attachment is to come; one client sends them */

/* Puts a beginning in front of data, over what stood there and was longer. */
static char *retitle(char *data, const char *title)
{
    size_t size = strlen(title);
    return memcpy(data - size, title, size);
}

static Room *room_of(const char *name, char **end)
{
    size_t number = 1 + strtoul(name + strlen("room"), end, 10);
    if (number > ROOMS) {
        fprintf(stderr, "more than %d rooms\n", ROOMS);
        exit(1);
    }
    return &rooms[number];
}

/* Packets other than CONNECT and EVENT want no answer. */
static void received(Client *client, char *text, char *end)
{
    char answer[64], *list = memchr(text, '[', (size_t)(end - text));
    if (text[0] == '4' && text[1] == '0') {
        join(client, 0);
        int size = sprintf(answer, "40{\"sid\":\"%0*zu\"}", SID, client->number);
        reply(client, answer, (size_t)size);
    }
    if (!list)
        return;
    char *name = list + 2, *id = text + 2;
    int digits = (int)(list - id);
    const Room *room;
    switch (*name) {
    case 'b': /* bcast",DATA], with an attachment if the type is 5 */
        if (text[1] == '2') {
            text = retitle(name + strlen("bcast\","), "42[\"msg\",");
            tell(rooms, text, (size_t)(end - text));
        } else {
            text = retitle(name + strlen("bcast\","), "451-[\"msg\",");
            held.size = 0;
            begin_frame(&held, TEXT, (size_t)(end - text));
            append(&held, text, (size_t)(end - text));
        }
        return;
    case 's': /* say","roomNUMBER",DATA] */
        room = room_of(name + strlen("say\",\""), &text);
        text = retitle(text + 2, "42[\"said\",");
        tell(room, text, (size_t)(end - text));
        return;
    case 'u': { /* upload",{"n":"TEN DIGITS","p":"TEXT"}] */
        const char *number = name + strlen("upload\",{\"n\":\""), *from = number + 10 + 7;
        const char *to = end - strlen("\"}]");
        int size = sprintf(answer, "43%.*s[\"%.10s\",%zu,\"%.10s\"]", digits, id, number,
                           (size_t)(to - from), to - 10);
        reply(client, answer, (size_t)size);
        return;
    }
    case 'j': /* join","roomNUMBER"] */
        join(client, (size_t)(room_of(name + strlen("join\",\""), NULL) - rooms));
        /* fall through */
    default: /* echo",DATA] */
        text = name + strlen("echo\",") - digits - 3; /* "join" is as long */
        memmove(text + 2, id, (size_t)digits);
        memcpy(text, "43", 2);
        text[2 + digits] = '[';
        reply(client, text, (size_t)(end - text));
    }
}

static void attached(const char *data, size_t size)
{
    begin_frame(&held, BINARY, size);
    Attachment *shared = need(malloc(sizeof *shared + size));
    shared->users = 1;
    shared->size = size;
    memcpy(shared->data, data, size);
    for (size_t i = 0; i < rooms[0].size; i++) {
        Client *member = rooms[0].members[i];
        if (member->polling)
            continue; /* no client of the generator's asks for attachments over polling */
        deliver(member, &held, 0);
        member->carrier->attachment = shared;
        shared->users++;
    }
    if (!--shared->users)
        free(shared);
}

/* ---- WebSocket ---- */

static void unmask(char *data, size_t size, const char *mask)
{
    uint64_t key, word;
    memcpy(&key, mask, 4);
    memcpy((char *)&key + 4, mask, 4);
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, data + i, 8);
        word ^= key;
        memcpy(data + i, &word, 8);
    }
    for (; i < size; i++)
        data[i] ^= mask[i & 3];
}

/* Handles the whole frames at the beginning of the bytes; how many bytes they were. */
static size_t take_frames(Connection *connection, char *data, size_t size)
{
    size_t at = 0;
    while (size - at >= 6 && !connection->ending) {
        const unsigned char *frame = (const unsigned char *)data + at;
        uint64_t length = frame[1] & 0x7f;
        int bytes = length < 126 ? 0 : length == 126 ? 2 : 8;
        size_t head = 6 + (size_t)bytes;
        if (size - at < head)
            break;
        if (bytes)
            length = 0;
        for (int i = 0; i < bytes; i++)
            length = length << 8 | frame[2 + i];
        if (size - at - head < length)
            break;
        Opcode opcode = frame[0] & 0x0f;
        char *payload = data + at + head;
        unmask(payload, length, payload - 4);
        at += head + length;
        if (opcode == TEXT) {
            received(connection->client, payload, payload + length);
        } else if (opcode == BINARY) {
            attached(payload, length);
        } else {
            append(&connection->out, "\x88\x02\x03\xe8", 4);
            end(connection);
        }
    }
    return at;
}

/* ---- HTTP ---- */

static void respond(Connection *connection, const char *body, size_t size)
{
    char head[128];
    int length = sprintf(head,
                         "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\n"
                         "Content-Length: %zu\r\n\r\n", size);
    append(&connection->out, head, (size_t)length);
    append(&connection->out, body, size);
    due(connection);
}

static int opening(char *text, const Client *client)
{
    return sprintf(text,
                   "0{\"sid\":\"%0*zu\",\"upgrades\":[],\"pingInterval\":25000,"
                   "\"pingTimeout\":20000,\"maxPayload\":1000000}", SID, client->number);
}

static void upgrade(Connection *connection)
{
    static const char answer[] =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " PROOF "\r\n\r\n";
    char text[160];
    connection->websocket = true;
    Client *client = new_client(connection);
    client->carrier = connection;
    append(&connection->out, answer, strlen(answer));
    reply(client, text, (size_t)opening(text, client));
}

static void get(Connection *connection, const char *sid)
{
    if (*sid == '&') {
        Client *client = polling[strtoul(sid + strlen("&sid="), NULL, 10)];
        client->carrier = connection;
        connection->client = client;
        if (client->pending.size)
            due(connection);
        return;
    }
    char text[160];
    Client *client = new_client(connection);
    client->polling = true;
    polling = need(realloc(polling, clients * sizeof *polling));
    polling[client->number] = client;
    respond(connection, text, (size_t)opening(text, client));
}

static void post(Connection *connection, const char *sid, char *body, size_t size)
{
    Client *client = polling[strtoul(sid + strlen("&sid="), NULL, 10)];
    for (char *at = body, *stop; at < body + size; at = stop + 1) {
        stop = memchr(at, 0x1e, (size_t)(body + size - at));
        stop = stop ? stop : body + size;
        received(client, at, stop);
    }
    respond(connection, "ok", 2);
}

/* Handles the request that the bytes begin with; its length, 0 while it is incomplete. */
static size_t take_request(Connection *connection, char *data, size_t size)
{
    char *last = strstr(data, "\r\n\r\n");
    if (!last)
        return 0;
    static const char way[] = "/socket.io/?EIO=4&transport=", field[] = "Content-Length: ";
    char *body = last + 4, *at = strstr(data, way);
    if (!at || at > last) {
        end(connection);
        return size;
    }
    at += strlen(way);
    if (*at == 'w') {
        upgrade(connection);
    } else if (*data == 'G') {
        get(connection, at + strlen("polling"));
    } else {
        char *length = strstr(at, field);
        size_t whole = length && length < last ? strtoul(length + strlen(field), NULL, 10) : 0;
        if (size - (size_t)(body - data) < whole)
            return 0;
        post(connection, at + strlen("polling"), body, whole);
        body += whole;
    }
    return (size_t)(body - data);
}

/* ---- the loop ---- */

static void readable(Connection *connection)
{
    static Buffer chunk;
    Buffer *in = connection->in.size ? &connection->in : &chunk;
    reserve(in, CHUNK);
    ssize_t size = recv(connection->fd, in->at + in->size, CHUNK, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size <= 0) {
        end(connection);
        return;
    }
    in->at[in->size += (size_t)size] = 0;
    size_t taken = connection->websocket ? 0 : take_request(connection, in->at, in->size);
    if (connection->websocket)
        taken += take_frames(connection, in->at + taken, in->size - taken);
    if (in == &connection->in)
        drop(in, taken);
    else if (taken < in->size)
        append(&connection->in, in->at + taken, in->size - taken);
    chunk.size = 0;
}

static void accept_all(int listener)
{
    int fd, yes = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        Connection *connection = need(calloc(1, sizeof *connection));
        connection->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(connection, EPOLL_CTL_ADD);
        readable(connection); /* who connects begins to speak */
    }
}

/* Sends what a connection is owed, and buries the dead. */
static void settle(Connection *connection)
{
    Client *client = connection->client;
    if (client && client->polling && client->carrier == connection) {
        respond(connection, client->pending.at, client->pending.size);
        client->pending.size = 0;
        client->carrier = NULL;
    }
    flush(connection);
    connection->due = false;
    if (!connection->ending)
        return;
    detach(connection);
    close(connection->fd);
    if (connection->websocket)
        free(client);
    free(connection->in.at);
    free(connection->out.at);
    free(connection);
}

int main(int argc, char **argv)
{
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct epoll_event events[1024], event = {.events = EPOLLIN, .data.ptr = NULL};
    if (argc != 2) {
        fprintf(stderr, "usage: floor PORT\n");
        return 2;
    }
    address.sin_port = htons((uint16_t)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)
        || epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event)) {
        perror(argv[1]);
        return 1;
    }
    for (;;) {
        int found = epoll_wait(poll_fd, events, sizeof events / sizeof *events, first_due ? 0 : -1);
        for (int i = 0; i < found; i++) {
            Connection *connection = events[i].data.ptr;
            if (!connection)
                accept_all(listener);
            else if (events[i].events & ~(uint32_t)EPOLLOUT && !connection->ending)
                readable(connection);
            if (connection && events[i].events & EPOLLOUT)
                due(connection);
        }
        for (int i = 0; i < SLICE && first_due; i++) {
            Connection *connection = first_due;
            first_due = connection->next;
            settle(connection);
        }
        if (!first_due)
            last_due = &first_due;
    }
}
