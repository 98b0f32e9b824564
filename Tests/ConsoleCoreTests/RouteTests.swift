import Testing

@testable import ConsoleCore

@Suite struct `Routes` {
    @Test(arguments: [
        ("/console/acme", Route.page("acme")), ("/console/api", .page("api")),
        ("/console/assets", .page("assets")), ("/console/a%2Fb", .page("a%2Fb")),
        ("/console/acme/generate", .change(.generate, "acme")),
        ("/console/acme/revoke", .change(.revoke, "acme")),
        ("/console/assets/console.css", .asset("console.css")),
        ("/console/assets/generate", .change(.generate, "assets")),
        ("/console/api/v1/organizations/acme/key", .key("acme")),
        ("/console/api/v1/organizations/acme/audit", .audit("acme")),
        ("/console/api/v1/openapi.json", .description),
        ("/healthz", .health), ("/readyz", .readiness), ("/metrics", .metrics),
    ])
    func `a path names a route`(path: String, route: Route) {
        #expect(Route(path[...], base: "/console") == route)
    }

    @Test(arguments: [
        "", "/", "/console", "/console/", "/consoleacme", "/console//generate", "/console/acme/",
        "/console/acme/delete", "/console/acme/generate/", "/console/acme/generate/x",
        "/console/api/v1", "/console/api/v2/openapi.json", "/console/api/v1/organizations",
        "/console/api/v1/organizations/acme", "/console/api/v1/organizations/acme/",
        "/console/api/v1/organizations/acme/secret", "/console/api/v1/organizations//key",
        "/console/api/v1/organizations/acme/key/x", "/console/healthz/x/y", "/acme", "healthz",
        "/other/api/v1/openapi.json", "/console/a/b/c",
    ])
    func `any other path names none`(path: String) {
        #expect(Route(path[...], base: "/console") == nil)
    }

    @Test func `without a base the paths begin at the root`() {
        #expect(Route("/acme", base: "") == .page("acme"))
        #expect(Route("/healthz", base: "") == .health)
        #expect(Route("/", base: "") == nil)
    }

    @Test func `only routes of one organization name it`() {
        let named: [Route] = [.page("a"), .change(.revoke, "a"), .key("a"), .audit("a")]
        let others: [Route] = [.asset("a"), .description, .health, .readiness, .metrics]
        #expect(named.allSatisfy { $0.organizationName == "a" })
        #expect(others.allSatisfy { $0.organizationName == nil })
    }

    @Test func `templates never show what a client wrote`() {
        let routes: [Route] = [
            .page("x9"), .change(.generate, "x9"), .change(.revoke, "x9"), .asset("x9"), .key("x9"),
            .audit("x9"), .description, .health, .readiness, .metrics,
        ]
        #expect(routes.allSatisfy { !$0.template.contains("x9") })
        #expect(Set(routes.map(\.template)).count == routes.count)
    }
}
