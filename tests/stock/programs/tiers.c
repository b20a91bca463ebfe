/*
 * Ten times down to the spillover pool and back, by 10,000 new connections from both CPUs; then what two CPUs can do
 * at most beyond a threshold: both at once, again and again, to a server with one place.
 *
 * A connection is a UDP flow, one datagram from an address of its own: its entry counts against the thresholds as any
 * other, and ends after the UDP timeout, which can be made short; entries of TCP stay for 10 s and more.
 */
#include "ipvs.h"

#define PORT 53
#define ROUNDS 10
#define POOL 3
#define UPPER 250
#define ALL 1000	/* connections in a round */
#define RACES 300
#define TIMEOUT 1	/* s; a round must be over before its first entry ends, or it does not count */

static service_t to;
static atomic_uint ready, started, next, refused;
static uint32_t clients = 0x0a200000;	/* 10.32.0.0: none comes twice */
static uint32_t share[2];

static void *opener(void *cpu)
{
	int by = udp(0);

	pin((intptr_t)cpu);
	ready++;
	while (!started)	/* both at once: no sleep that one of them wakes from later */
		;
	for (uint32_t number = 0; number < share[(intptr_t)cpu]; number++)
		refused += !send_one(by, &to, clients + next++);
	close(by);
	return NULL;
}

/* So many new connections from both CPUs, begun at the same moment; all are scheduled when it returns. */
static void open_connections(uint32_t count)
{
	pthread_t thread[2];

	share[0] = count / 2;
	share[1] = count - share[0];
	ready = started = next = 0;
	for (intptr_t cpu = 0; cpu < 2; cpu++)
		pthread_create(&thread[cpu], NULL, opener, (void *)cpu);
	while (ready < 2)
		sched_yield();
	started = 1;
	for (int cpu = 0; cpu < 2; cpu++)
		pthread_join(thread[cpu], NULL);
	clients += count;
}

struct seen {
	uint32_t pool, spillover, excess;	/* excess: the most that one server has beyond its threshold */
	uint32_t pool_ever, spillover_ever;	/* scheduled since the service was made */
};

static struct seen count_connections(int most)
{
	struct ip_vs_get_dests *all = look(&to, most);
	struct seen seen = { 0 };

	for (uint32_t number = 0; number < all->num_dests; number++) {
		struct ip_vs_dest_entry *one = &all->entrytable[number];
		uint32_t open = one->activeconns + one->inactconns;

		if (one->u_threshold) {
			seen.pool += open;
			seen.pool_ever += one->stats.conns;
		} else {
			seen.spillover += open;
			seen.spillover_ever += one->stats.conns;
		}
		if (one->u_threshold && open > one->u_threshold && open - one->u_threshold > seen.excess)
			seen.excess = open - one->u_threshold;
	}
	free(all);
	return seen;
}

static void until_all_have_ended(void)
{
	int64_t deadline = now_us() + 15000000;
	struct seen seen;

	do {
		usleep(50000);
		seen = count_connections(POOL + 1);
		if (now_us() > deadline)
			die("entries that do not end");
	} while (seen.pool + seen.spillover);
}

/* Counted over all rounds. */
static struct {
	uint32_t switches, slow, early, short_of, excess, lost, spilled;
} all;

static void down_and_back(void)
{
	int64_t start = now_us();

	open_connections(POOL * UPPER - 1);
	struct seen first = count_connections(POOL + 1);

	open_connections(ALL - POOL * UPPER + 1);
	struct seen then = count_connections(POOL + 1);
	int64_t took = now_us() - start;
	bool slow = took > TIMEOUT * 1000000;

	printf("%u to the pool, %u to spillover; then %u and %u, %u beyond a threshold; %lld ms%s\n", first.pool,
	       first.spillover, then.pool - first.pool, then.spillover - first.spillover, then.excess,
	       (long long)took / 1000, slow ? ", too slow: again" : "");
	all.slow += slow;
	if (!slow) {
		all.switches++;
		all.early += first.spillover;
		all.spilled += then.spillover;
		all.lost += ALL - then.pool - then.spillover;
		all.short_of += then.pool < POOL * UPPER;
		all.excess = then.excess > all.excess ? then.excess : all.excess;
	}
	until_all_have_ended();
}

static void ten_switches(void)
{
	while (all.switches < ROUNDS && all.slow < ROUNDS)
		down_and_back();

	uint32_t count = scheduled(&to, (all.switches + all.slow) * ALL - refused);
	struct seen ever = count_connections(POOL + 1);

	printf("switches=%u slow=%u connections=%u scheduled=%u refused=%u lost=%u early=%u short=%u excess=%u\n",
	       all.switches, all.slow, (all.switches + all.slow) * ALL, count, refused, all.lost, all.early,
	       all.short_of, all.excess);
	printf("to_pool=%u to_spillover=%u spilled=%u\n", ever.pool_ever, ever.spillover_ever, all.spilled);
}

/* For every race a new top server with one place, which is gone again before the next. */
static void races(void)
{
	uint32_t beyond = 0, most = 0;

	for (int number = 0; number < RACES; number++) {
		server_t top = server(&to, 100 + number, 100 + number, 1, 0);

		must(change_server(IP_VS_SO_SET_ADDDEST, &to, &top), "server");
		open_connections(2);
		struct seen seen = count_connections(POOL + 2);

		beyond += seen.excess > 0;
		most = seen.excess > most ? seen.excess : most;
		must(change_server(IP_VS_SO_SET_DELDEST, &to, &top), "server");
	}
	printf("races=%d beyond=%u most_beyond=%u races_refused=%u\n", RACES, beyond, most, refused);
}

int main(void)
{
	udp(PORT);
	udp_timeout(TIMEOUT);
	to = service(IPPROTO_UDP, PORT, "hprio", 0);
	must(change_service(IP_VS_SO_SET_ADD, &to), "service");
	for (int number = 1; number <= POOL + 1; number++) {
		bool spillover = number > POOL;
		server_t made = server(&to, number, spillover ? 1 : 5, spillover ? 0 : UPPER, 0);

		must(change_server(IP_VS_SO_SET_ADDDEST, &to, &made), "server");
	}
	ten_switches();
	refused = 0;
	races();
	return 0;
}
