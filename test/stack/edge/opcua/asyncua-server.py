"""An OPC UA server of another make, for the opt-in test: prints its endpoint, sets what comes in on stdin (NAME VALUE)."""
import asyncio
import sys
from datetime import datetime, timezone

from asyncua import Server, ua


async def main():
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{sys.argv[1]}/plant")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace("urn:twinward:test")
    pump = await server.nodes.objects.add_object(space, "Pump 1")
    nodes = {}
    for name, kind in (("Temp", ua.VariantType.Double), ("Count", ua.VariantType.Int64), ("On", ua.VariantType.Boolean)):
        start = False if name == "On" else 0 if name == "Count" else 0.0
        nodes[name] = await pump.add_variable(ua.NodeId(f"P1.{name}", space), name, start, kind)
    async with server:
        await server.historize_node_data_change(nodes["Temp"], period=None, count=0)
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            name, text, status = line.split()
            value = text == "1" if name == "On" else int(text) if name == "Count" else float(text)
            kind = {"On": ua.VariantType.Boolean, "Count": ua.VariantType.Int64, "Temp": ua.VariantType.Double}[name]
            now = datetime.now(timezone.utc)
            data = ua.DataValue(ua.Variant(value, kind), ua.StatusCode(int(status)), now, now)
            await nodes[name].write_value(data)
            print("set", flush=True)


asyncio.run(main())
