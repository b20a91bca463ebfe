/* How long a service is without a scheduler while it is switched: datagrams from one CPU, switches from the other. */
#include "ipvs.h"

#define PORT 53
#define SWITCHES 50
#define PAUSE 20000	/* us between two switches */
#define MOST 1000

static service_t to;
static atomic_bool over;
static int64_t gaps[MOST], calls[SWITCHES];
static int gap_count;
static uint32_t sent, refused;

static void *sender(void *unused)
{
	int64_t since = 0;
	int by = udp(0);

	pin(0);
	while (!over) {
		bool went = send_one(by, &to, 0);

		sent++;
		refused += !went;
		if (!went && !since)
			since = now_us();
		if (went && since) {
			if (gap_count < MOST)
				gaps[gap_count++] = now_us() - since;
			since = 0;
		}
	}
	return unused;
}

static int by_size(const void *left, const void *right)
{
	int64_t difference = *(const int64_t *)left - *(const int64_t *)right;

	return (difference > 0) - (difference < 0);
}

static void print(const char *name, int64_t *took, int count)
{
	qsort(took, count, sizeof(*took), by_size);
	if (count)
		printf("%s_median_us=%lld %s_max_us=%lld\n", name, (long long)took[count / 2], name,
		       (long long)took[count - 1]);
}

int main(void)
{
	pthread_t thread;

	udp(PORT);
	to = service(IPPROTO_UDP, PORT, "hprio", ONE_PACKET);
	must(change_service(IP_VS_SO_SET_ADD, &to), "service");
	for (int number = 1; number <= 3; number++) {
		server_t made = server(&to, number, 5, 0, 0);

		must(change_server(IP_VS_SO_SET_ADDDEST, &to, &made), "server");
	}
	pthread_create(&thread, NULL, sender, NULL);
	pin(1);
	for (int number = 0; number < SWITCHES; number++) {
		usleep(PAUSE);
		strcpy(to.sched_name, number % 2 ? "hprio" : "rr");

		int64_t start = now_us();

		must(change_service(IP_VS_SO_SET_EDIT, &to), "switch");
		calls[number] = now_us() - start;
	}
	usleep(PAUSE);
	over = true;
	pthread_join(thread, NULL);
	printf("switches=%d sent=%u refused=%u gaps=%d\n", SWITCHES, sent, refused, gap_count);
	print("gap", gaps, gap_count);
	print("call", calls, SWITCHES);
	return 0;
}
