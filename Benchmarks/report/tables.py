"""All tables of a file of results."""

from report.cost_tables import costs
from report.growth_tables import growth
from report.load_tables import first, load, short
from report.trust_tables import acceptance, revocation


def machine(results):
    made = results["made"]
    on = made["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in on["packages"].items())
    return (
        f"Measured on {made['on']} at commit {made['commit']}: {on['processor']}, {on['cores']} cores, "
        f"Linux {on['kernel']}; {versions}.\n"
    )


def candidates(results):
    return "\n".join(
        f"- *{each['label']}*: {each['description']}." for each in results["made"]["candidates"]
    ) + "\n"


def everything(results):
    parts = [machine(results)]
    if "load" in results and "revocation" in results:
        parts.append(short(results))
    parts += [load(results), acceptance(results), revocation(results), costs(results), growth(results)]
    return "\n".join(part for part in parts if part)
