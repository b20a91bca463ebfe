/*
 * What a pick costs: one-packet connections from one CPU, as many as go, scheduled by each scheduler in turn, with few
 * and many servers, in layouts that are easy or hard for one or the other. Prints "layout servers scheduler count us".
 */
#include <sys/sysinfo.h>

#include "ipvs.h"

#define ROUNDS 3
#define SLICE 20000	/* us for each measurement */
#define BATCH 64

static const char *const schedulers[] = { "rr", "hprio", "fo", "wrr", "wlc" };
static service_t to;
static struct mmsghdr batch[BATCH];
static struct sockaddr_in at = { .sin_family = AF_INET };
static int by, port = 1000;

struct layout {
	const char *name;
	int most;		/* servers that it makes sense for */
	int (*above)(int size);	/* how many of them have the higher weight */
	bool full;		/* and those have no room */
};

static int all_of(int size) { return size; }
static int half_of(int size) { return size / 2; }
static int ten_of(int size) { return size / 10 < 10 ? size / 10 : 10; }

static const struct layout layouts[] = {
	{ "one", 10000, all_of, false },
	{ "half", 10000, half_of, false },
	{ "ten", 10000, ten_of, false },
	{ "full", 1000, half_of, true },
};

static void prepare_batch(void)
{
	static char byte;
	static struct iovec content = { &byte, 1 };

	at.sin_addr.s_addr = inet_addr(VIP);
	for (int number = 0; number < BATCH; number++)
		batch[number].msg_hdr = (struct msghdr) {
			.msg_name = &at, .msg_namelen = sizeof(at), .msg_iov = &content, .msg_iovlen = 1,
		};
	by = udp(0);
}

static void send_batch(void)
{
	if (sendmmsg(by, batch, BATCH, 0) != BATCH)
		die("datagrams");
}

static void add_servers(int from, int until, int weight, uint32_t upper)
{
	for (int number = from; number < until; number++) {
		server_t made = server(&to, number, weight, upper, 0);

		must(change_server(IP_VS_SO_SET_ADDDEST, &to, &made), "server");
	}
}

static void set_service(int how, const char *scheduler, unsigned int flags)
{
	to = service(IPPROTO_UDP, port, scheduler, flags);
	must(change_service(how, &to), scheduler);
}

/* One entry for each of those above, which have no room for more: they are full, and stay so. */
static void fill(int above)
{
	static uint32_t client = 0x0a200000;

	for (int number = 0; number < above; number++)
		if (!send_one(by, &to, client++))
			die("filling");
}

static void build(const struct layout *layout, int size)
{
	int above = layout->above(size);

	set_service(IP_VS_SO_SET_ADD, "rr", 0);
	add_servers(1, above + 1, 2, layout->full ? 1 : 0);
	if (layout->full)
		fill(above);
	add_servers(above + 1, size + 1, 1, 0);
}

static void measure(const struct layout *layout, int size, const char *scheduler)
{
	int64_t start, now;
	int count = 0;

	set_service(IP_VS_SO_SET_EDIT, scheduler, ONE_PACKET);
	send_batch();
	start = now_us();
	do {
		send_batch();
		count += BATCH;
		now = now_us();
	} while (now - start < SLICE);
	printf("%s %d %s %d %lld\n", layout->name, size, scheduler, count, (long long)(now - start));
}

/* Each on a port of its own: a server that was deleted with connections would come back with them. */
static void compare(const struct layout *layout, int size)
{
	int sink = udp(++port);

	at.sin_port = htons(port);
	build(layout, size);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t number = 0; number < sizeof(schedulers) / sizeof(*schedulers); number++)
			measure(layout, size, schedulers[number]);
	must(change_service(IP_VS_SO_SET_DEL, &to), "deletion");
	close(sink);
}

int main(void)
{
	pin(get_nprocs() - 1);
	prepare_batch();
	for (const struct layout *layout = layouts; layout < layouts + sizeof(layouts) / sizeof(*layouts); layout++)
		for (int size = 10; size <= layout->most; size *= 10)
			compare(layout, size);
	return 0;
}
