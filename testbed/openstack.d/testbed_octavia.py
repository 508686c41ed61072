from octavia.cmd import octavia_worker
from octavia.controller.worker.v2.controller_worker import ControllerWorker
from octavia.controller.worker.v2.tasks.database_tasks import MarkLBActiveInDB
from octavia.network.drivers.neutron.allowed_address_pairs import AllowedAddressPairsDriver
from octavia.network.drivers.noop_driver.driver import NoopNetworkDriver


class Network(NoopNetworkDriver):
    """VIP ports are real neutron ports, the appliances behind them are not."""

    def __init__(self):
        super().__init__()
        self.neutron = AllowedAddressPairsDriver()

    def allocate_vip(self, loadbalancer):
        return self.neutron.allocate_vip(loadbalancer)

    def deallocate_vip(self, vip):
        return self.neutron.deallocate_vip(vip)

    def get_network(self, network_id, *args, **kwargs):
        try:
            return self.neutron.get_network(network_id)
        except Exception:  # one of the appliances' own
            return super().get_network(network_id)

    def get_subnet(self, subnet_id, *args, **kwargs):
        return self.neutron.get_subnet(subnet_id) if subnet_id else super().get_subnet(subnet_id)

    def get_port(self, port_id, *args, **kwargs):
        try:
            return self.neutron.get_port(port_id)
        except Exception:
            return super().get_port(port_id)


def main():
    """Octavia 11.0's worker, which forgets what a balancer was made with in the same call: the balancer becomes ACTIVE, its
    listeners and pools stay PENDING_CREATE. Behind fake appliances it is enough to mark them, as later releases do."""
    create = ControllerWorker.create_load_balancer

    def create_load_balancer(self, loadbalancer, *args, **named):
        create(self, loadbalancer, *args, **named)
        MarkLBActiveInDB(mark_subobjects=True).execute(loadbalancer)

    ControllerWorker.create_load_balancer = create_load_balancer
    octavia_worker.main()
