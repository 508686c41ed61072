from neutron.services.l3_router.l3_router_plugin import L3RouterPlugin
from neutron_lib.plugins.ml2 import api


class Mechanism(api.MechanismDriver):
    """Binds every port at once, as if an agent had wired it."""

    def initialize(self):
        pass

    def bind_port(self, context):
        segment = context.segments_to_bind[0]
        context.set_binding(segment[api.ID], 'ovs', {'port_filter': True}, status='ACTIVE')


class Router(L3RouterPlugin):
    """Reports floating IPs as an L3 agent would."""

    def _report(self, context, fip):
        fip['status'] = 'ACTIVE' if fip['port_id'] else 'DOWN'
        self.update_floatingip_status(context, fip['id'], fip['status'])
        return fip

    def create_floatingip(self, context, floatingip):
        return self._report(context, super().create_floatingip(context, floatingip))

    def update_floatingip(self, context, id, floatingip):
        return self._report(context, super().update_floatingip(context, id, floatingip))
