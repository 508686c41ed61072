import io

from nova.cmd.compute import main  # noqa: F401, first: it patches the standard library
from nova.image import glance
from nova.virt import fake

start_snapshot = fake.FakeDriver.snapshot


def snapshot(self, context, instance, image_id, update_task_state):
    start_snapshot(self, context, instance, image_id, update_task_state)
    image = {'name': glance.API().get(context, image_id)['name'], 'disk_format': 'raw', 'container_format': 'bare'}
    glance.API().update(context, image_id, image, io.BytesIO(b'snapshot of ' + instance.uuid.encode()))


fake.FakeDriver.snapshot = snapshot
