/*
 * Every kind of traffic at once: datagrams from a task on each CPU, UDP flows and held TCP connections that count
 * against thresholds, and datagrams from a host behind an interface, whose softirq interrupts the others.
 */
#include <fcntl.h>
#include <signal.h>

#include "ipvs.h"

#define PACKET_PORT 53
#define FLOW_PORT 54
#define TCP_PORT 80
#define HELD 64		/* TCP connections at a time */
#define WINDOW 16	/* datagrams of the host behind the interface that wait for their echo */
#define HOST "192.168.7.2"
#define HOST_PORT 7000

/* Of one kind, since start_traffic: what was refused, and what got no answer although it was not. */
struct counts {
	atomic_uint accepted, refused, silent;
};

static struct counts packets, flows, connections, echoes;
static atomic_bool stopping;
static pthread_t workers[6];
static int worker_count;

static inline void count(struct counts *in, bool accepted)
{
	if (accepted)
		in->accepted++;
	else
		in->refused++;
}

static void *send_packets(void *cpu)
{
	service_t to = service(IPPROTO_UDP, PACKET_PORT, "", 0);
	int by = udp(0);

	pin((intptr_t)cpu);
	while (!stopping)
		count(&packets, send_one(by, &to, 0));
	close(by);
	return NULL;
}

static void *open_flows(void *unused)
{
	static uint32_t client = 0x0a200000;
	service_t to = service(IPPROTO_UDP, FLOW_PORT, "", 0);
	int by = udp(0);

	while (!stopping) {
		count(&flows, send_one(by, &to, client++));
		usleep(300);
	}
	close(by);
	return unused;
}

/* From an address of its own, so that no entry of before is met. Refusals come back as ICMP: ECONNREFUSED. */
static int open_connection(uint32_t client)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(client) };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(TCP_PORT), .sin_addr.s_addr = inet_addr(VIP) };
	struct linger reset = { 1, 0 };
	struct timeval patience = { 1, 0 };
	int made = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(made, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (made < 0 || bind(made, (struct sockaddr *)&from, sizeof(from)))
		die("TCP socket");
	if (!connect(made, (struct sockaddr *)&at, sizeof(at))) {
		connections.accepted++;
		return made;
	}
	if (errno == ECONNREFUSED)
		connections.refused++;
	else
		connections.silent++;
	close(made);
	return -1;
}

static void *hold_connections(void *unused)
{
	static uint32_t client = 0x0a600000;
	int held[HELD];

	memset(held, -1, sizeof(held));
	for (int turn = 0; !stopping; turn = (turn + 1) % HELD) {
		if (held[turn] >= 0)
			close(held[turn]);
		held[turn] = open_connection(client++);
		usleep(1000);
	}
	for (int turn = 0; turn < HELD; turn++)
		if (held[turn] >= 0)
			close(held[turn]);
	return unused;
}

/* The server side of TCP: takes every connection, leaves closing to the client. */
static void *accept_connections(void *listener)
{
	int taken[4 * HELD];

	memset(taken, -1, sizeof(taken));
	for (int turn = 0;; turn = (turn + 1) % (4 * HELD)) {
		if (taken[turn] >= 0)
			close(taken[turn]);
		taken[turn] = accept((intptr_t)listener, NULL, NULL);
	}
	return NULL;
}

static void *answer_echoes(void *connected)
{
	char byte;

	for (;;)
		if (recv((intptr_t)connected, &byte, 1, 0) == 1)
			send((intptr_t)connected, &byte, 1, 0);
	return NULL;
}

static int echo_socket;	/* in the other host's network namespace */

static void *ask_for_echoes(void *unused)
{
	char byte = 0;

	pin(0);
	while (!stopping) {
		int waiting = 0;

		for (int number = 0; number < WINDOW; number++)
			if (send(echo_socket, &byte, 1, 0) == 1)
				waiting++;
			else if (errno == ECONNREFUSED)
				echoes.refused++;
		for (; waiting; waiting--)
			if (recv(echo_socket, &byte, 1, 0) == 1)
				echoes.accepted++;
			else if (errno == ECONNREFUSED)
				echoes.refused++;
			else {
				echoes.silent += waiting;
				break;
			}
	}
	return unused;
}

/* The socket of the host that local.sh put behind an interface. */
static void *make_host(void *unused)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PACKET_PORT) };
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(HOST_PORT) };
	struct timeval patience = { 1, 0 };

	at.sin_addr.s_addr = inet_addr(VIP);
	own.sin_addr.s_addr = inet_addr(HOST);
	if (setns(open("/run/netns/host", O_RDONLY), CLONE_NEWNET))
		die("the host's network namespace");
	echo_socket = udp(0);
	setsockopt(echo_socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (bind(echo_socket, (struct sockaddr *)&own, sizeof(own)) ||
	    connect(echo_socket, (struct sockaddr *)&at, sizeof(at)))
		die("echo socket");
	return unused;
}

static void make_servers(void)
{
	struct sockaddr_in host = { .sin_family = AF_INET, .sin_port = htons(HOST_PORT) };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(TCP_PORT) };
	int sink = udp(PACKET_PORT), echo = udp(PACKET_PORT), listener = socket(AF_INET, SOCK_STREAM, 0);
	pthread_t thread;

	at.sin_addr.s_addr = inet_addr(VIP);
	host.sin_addr.s_addr = inet_addr(HOST);
	if (connect(echo, (struct sockaddr *)&host, sizeof(host)) || sink < 0 || udp(FLOW_PORT) < 0)
		die("UDP servers");
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 4 * HELD))
		die("TCP server");
	pthread_create(&thread, NULL, answer_echoes, (void *)(intptr_t)echo);
	pthread_create(&thread, NULL, accept_connections, (void *)(intptr_t)listener);
}

static void prepare_traffic(void)
{
	pthread_t thread;

	signal(SIGPIPE, SIG_IGN);
	make_servers();
	pthread_create(&thread, NULL, make_host, NULL);
	pthread_join(thread, NULL);
}

static void work(void *(*what)(void *), intptr_t with)
{
	pthread_create(&workers[worker_count++], NULL, what, (void *)with);
}

static void start_traffic(void)
{
	memset(&packets, 0, sizeof(packets));
	memset(&flows, 0, sizeof(flows));
	memset(&connections, 0, sizeof(connections));
	memset(&echoes, 0, sizeof(echoes));
	stopping = false;
	work(send_packets, 0);
	work(send_packets, 1);
	work(open_flows, 0);
	work(hold_connections, 0);
	work(ask_for_echoes, 0);
}

static void stop_traffic(void)
{
	stopping = true;
	while (worker_count)
		pthread_join(workers[--worker_count], NULL);
}

/* Datagrams that a server was found for, since start_traffic. */
static uint32_t packets_accepted(void)
{
	return packets.accepted + echoes.accepted + echoes.silent;
}

static void print_counts(const char *phase, const char *kind, const struct counts *of)
{
	printf("%s_%s=%u %s_%s_refused=%u %s_%s_silent=%u\n", phase, kind, of->accepted, phase, kind, of->refused, phase,
	       kind, of->silent);
}

static void print_traffic(const char *phase)
{
	print_counts(phase, "packets", &packets);
	print_counts(phase, "flows", &flows);
	print_counts(phase, "connections", &connections);
	print_counts(phase, "echoes", &echoes);
}
