"""What must hold of any network of directors, watched while it is simulated."""

from __future__ import annotations

from itertools import combinations

from lvsctl.model import Role
from lvsctl.pair import vrrp
from tests.pair.network import DELAY, LAG, Network, Taken, roles

SLACK = 2 * (DELAY + LAG)
"""There and back."""


class Laws:
    """Raises AssertionError as soon as one is broken."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._two_since: dict[tuple[int, int], float] = {}
        self.faults = 0
        self.longest_two = 0.0
        network.after += [self.members_have_one_role, self.never_two_for_long, self.one_in_the_end]
        network.taken += [self.no_preemption_where_none_is_wanted]
        self.bound = float("inf")  # set when the last fault is over: from then on, exactly one
        self._not_one_since: float | None = None

    def fault(self) -> None:
        self.faults += 1

    def members_have_one_role(self, network: Network) -> None:
        for node in network.nodes:
            assert not node.running or len(roles(node)) == 1

    def never_two_for_long(self, network: Network) -> None:
        """Two actives that hear each other are one after an advert of either."""
        now = network.now
        for one, other in combinations(range(len(network.nodes)), 2):
            both = network.nodes[one].active and network.nodes[other].active
            if not both or not network.connected(one, other):
                self._two_since.pop((one, other), None)
                continue
            lasted = now - self._two_since.setdefault((one, other), now)
            self.longest_two = max(self.longest_two, lasted)
            intervals = [network.nodes[who].members[0].interval for who in (one, other)]
            assert lasted <= max(intervals) + SLACK, f"{one} and {other} are active since {now - lasted}"

    def one_in_the_end(self, network: Network) -> None:
        """After the bound there is one, but for the moment in which one hands over to the other."""
        if network.now < self.bound:
            return
        if sum(node.active for node in network.nodes) == 1:
            self._not_one_since = None
            return
        if self._not_one_since is None:
            self._not_one_since = network.now
        assert network.now - self._not_one_since <= SLACK

    def no_preemption_where_none_is_wanted(self, network: Network, taken: Taken) -> None:
        node = network.nodes[taken.who]
        if taken.role is not Role.ACTIVE or node.members[0].preempt or node.states[0].priority == 255:
            return
        for other, rival in enumerate(network.nodes):
            if other == taken.who or not rival.active or not network.connected(taken.who, other):
                continue
            # Whoever could not hear the rival may have been active beside it, so everybody has to have been in touch.
            settled = network.now - max(network.calm.values()) > 2 * max(node.patience, rival.patience)
            live = rival.active_since is not None and network.now - rival.active_since > SLACK
            assert not (settled and live), f"{taken.who} took over from {other}, which was active ({taken.why})"

    def released(self, who: int) -> None:
        """An active router has stopped in order: somebody who heard it is active before the skew is over."""
        network, faults = self._network, self.faults
        heirs = [
            node
            for other, node in enumerate(network.nodes)
            if other != who and node.running and not node.frozen and roles(node) == {Role.STANDBY}
            and network.connected(who, other) and len(node.members) == 1
        ]  # fmt: skip
        if not heirs:
            return
        soonest = min(vrrp.skew(node.members[0], node.states[0]) for node in heirs)

        def somebody() -> None:
            if self.faults == faults:
                assert any(node.active for node in network.nodes), f"nobody is active after {who} released"

        network.at(network.now + soonest + SLACK, somebody)
