/* The IPVS table through its socket options, and the few things that every program here needs. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/ip_vs.h>

/* All of 10/8 is local to the guest (see local.sh): a real server there is routed to, and answers, without a network. */
#define VIP "10.9.0.1"
#define ONE_PACKET 0x4	/* IP_VS_SVC_F_ONEPACKET: every packet is scheduled, no entry stays */

typedef struct ip_vs_service_user service_t;
typedef struct ip_vs_dest_user server_t;

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline int64_t now_us(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000000LL + at.tv_nsec / 1000;
}

static inline void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

/* The next of a fixed sequence, below `limit`. */
static inline uint32_t draw(uint64_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 16) % limit;
}

static inline int table(void)
{
	static int raw = -1;

	if (raw < 0)
		raw = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (raw < 0)
		die("raw socket");
	return raw;
}

static inline service_t service(int protocol, int port, const char *scheduler, unsigned int flags)
{
	service_t made = { .protocol = protocol, .addr = inet_addr(VIP), .port = htons(port), .flags = flags };

	made.netmask = 0xffffffff;
	strncpy(made.sched_name, scheduler, sizeof(made.sched_name) - 1);
	return made;
}

/* Real server `number` of a service: routed, with the service's own port. */
static inline server_t server(const service_t *of, int number, int weight, uint32_t upper, uint32_t lower)
{
	return (server_t) {
		.addr = htonl(0x0a0a0000 + number), .port = of->port, .conn_flags = IP_VS_CONN_F_DROUTE,
		.weight = weight, .u_threshold = upper, .l_threshold = lower,
	};
}

/* Each returns 0, or the kernel's error number. */
static inline int change_service(int how, const service_t *to)
{
	return setsockopt(table(), IPPROTO_IP, how, to, sizeof(*to)) ? errno : 0;
}

static inline int change_server(int how, const service_t *of, const server_t *to)
{
	struct { service_t service; server_t server; } both = { *of, *to };

	return setsockopt(table(), IPPROTO_IP, how, &both, sizeof(both)) ? errno : 0;
}

static inline void must(int error, const char *what)
{
	errno = error;
	if (error)
		die(what);
}

/* The UDP timeout in seconds; the others stay as they are. */
static inline void udp_timeout(int seconds)
{
	struct ip_vs_timeout_user to = { .udp_timeout = seconds };

	if (setsockopt(table(), IPPROTO_IP, IP_VS_SO_SET_TIMEOUT, &to, sizeof(to)))
		die("timeout");
}

/* A service and its servers as the kernel counts them; ends the program if there are more than `most`. */
static inline struct ip_vs_get_dests *look(const service_t *of, int most)
{
	socklen_t size = sizeof(struct ip_vs_get_dests) + most * sizeof(struct ip_vs_dest_entry);
	struct ip_vs_get_dests *seen = calloc(1, size);

	seen->protocol = of->protocol;
	seen->addr = of->addr;
	seen->port = of->port;
	seen->num_dests = most;
	if (getsockopt(table(), IPPROTO_IP, IP_VS_SO_GET_DESTS, seen, &size))
		die("servers");
	return seen;
}

static inline struct ip_vs_service_entry look_service(const service_t *of)
{
	struct ip_vs_service_entry seen = { .protocol = of->protocol, .addr = of->addr, .port = of->port };
	socklen_t size = sizeof(seen);

	if (getsockopt(table(), IPPROTO_IP, IP_VS_SO_GET_SERVICE, &seen, &size))
		die("service");
	return seen;
}

/* Connections scheduled, once the kernel's estimator has brought all `expected` into its counters, or after 15 s. */
static inline uint32_t scheduled(const service_t *of, uint32_t expected)
{
	int64_t deadline = now_us() + 15000000;
	uint32_t seen;

	do {
		seen = look_service(of).stats.conns;
		if (seen == expected)
			break;
		usleep(100000);
	} while (now_us() < deadline);
	return seen;
}

/* A UDP socket; with a port, bound to the service address. What nobody reads is dropped there, without an answer. */
static inline int udp(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(VIP) };
	int made = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	if (made < 0)
		die("UDP socket");
	setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (port && bind(made, (struct sockaddr *)&at, sizeof(at)))
		die("bind");
	return made;
}

/*
 * One datagram to the service, from address `from` of 10/8 (host order; 0: any). True: scheduled. False: refused, which
 * on the director itself is EPERM: IPVS drops what it has no server for.
 */
static inline bool send_one(int by, const service_t *to, uint32_t from)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = to->port, .sin_addr.s_addr = to->addr };
	union { struct cmsghdr header; char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))]; } control = { .bytes = { 0 } };
	struct in_pktinfo source = { .ipi_spec_dst.s_addr = htonl(from) };
	char byte = 0;
	struct iovec content = { &byte, 1 };
	struct msghdr message = {
		.msg_name = &at, .msg_namelen = sizeof(at), .msg_iov = &content, .msg_iovlen = 1,
	};

	if (from) {
		control.header = (struct cmsghdr) {
			.cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(source)),
		};
		memcpy(CMSG_DATA(&control.header), &source, sizeof(source));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	if (sendmsg(by, &message, 0) == 1)
		return true;
	if (errno != EPERM)
		die("send");
	return false;
}
