import Administration
import KeyFormat
import Keyring
import RedisClient

/// Decides about requests: what can be answered at once, and what needs the store.
public struct Console: Sendable {
    let settings: ConsoleSettings

    /// What keys begin with.
    let keyPrefix: String

    /// Who asks, where tokens say so.
    let tokens: TokenIdentity?

    /// - Parameters:
    ///   - keyPrefix: What keys begin with.
    ///   - tokens: The keys of the tokens that say who asks; `nil` if a header says so.
    public init(
        _ settings: ConsoleSettings,
        keyPrefix: KeyPrefix,
        tokens: (keys: WebKeySet, verifier: any SignatureVerifier)? = nil
    ) {
        self.settings = settings
        self.tokens = tokens.map {
            TokenIdentity(
                keys: $0.keys,
                verifier: $0.verifier,
                audiences: settings.origins,
                issuer: settings.issuer
            )
        }
        self.keyPrefix = String(decoding: keyPrefix.ascii, as: UTF8.self)
    }

    /// What to do about a request.
    public enum Decision: ~Copyable {
        /// Send this. The note is for the log.
        case respond(ConsoleResponse, note: String?)
        /// Do this, where it may block.
        case perform(Job)
    }

    /// - Parameter id: The ID under which the log names the request.
    public func decide(_ request: ConsoleRequest, id: String, now: UnixTime) -> Decision {
        let route = Route(request.path, base: settings.base)
        let context = self.context(request, route, id)
        do throws(Problem) {
            guard let route else { throw .notFound }
            guard route.methods.contains(request.readMethod) else {
                return .respond(notAllowed(route, context), note: nil)
            }
            if let response = file(route, context) {
                return .respond(response, note: nil)
            }
            return .perform(try job(route, request, context, now))
        } catch {
            return .respond(response(error, context), note: error.note)
        }
    }

    private func context(_ request: ConsoleRequest, _ route: Route?, _ id: String) -> RequestContext
    {
        let api = settings.base + "/api/"
        let isForPrograms = route?.isForPrograms ?? request.path.hasPrefix(api)
        return RequestContext(
            language: Language.preferred(
                request.value("accept-language"),
                of: settings.languages
            ),
            isForPrograms: isForPrograms || request.prefersJSON,
            isHeadOnly: request.method == "HEAD",
            id: id,
            retry: route?.organizationName.flatMap { Organization($0) }.map {
                "\(settings.base)/\($0)"
            }
        )
    }

    // MARK: Jobs

    private func job(
        _ route: Route,
        _ request: ConsoleRequest,
        _ context: RequestContext,
        _ now: UnixTime
    ) throws(Problem) -> Job {
        guard route != .readiness else {
            return Job(
                work: .readiness,
                request: context,
                principal: nil,
                address: nil,
                organization: nil
            )
        }
        let asker = try asker(request, route, now)
        if request.changes {
            guard CrossSiteRule.permits(request, settings.origins, hasToken: asker.hasToken) else {
                throw .crossSite
            }
            guard asker.isFresh(settings.freshness, at: now) else { throw .reauthenticationNeeded }
        }
        return Job(
            work: try work(route, request, try body(of: request)),
            request: context,
            principal: asker.principal,
            address: settings.keepsAddresses ? request.clientAddress : nil,
            organization: route.organizationName.flatMap { Organization($0) }
        )
    }

    private func body(of request: ConsoleRequest) throws(Problem) -> [UInt8] {
        switch request.body {
        case .success(let body): return body
        case .failure(.tooLong): throw .tooLarge
        case .failure(.incomplete): throw .requestTimeout
        }
    }

    private func work(
        _ route: Route,
        _ request: ConsoleRequest,
        _ body: [UInt8]
    ) throws(Problem) -> Job.Work {
        switch (route, request.readMethod) {
        case (.page, _): return .page(revokedAt: revocation(request))
        case (.change(let kind, _), "GET"): return .question(kind)
        case (.change(let kind, _), _): return try formWork(kind, request, body)
        case (.key, "POST"):
            return try .generate(precondition(request), jsonLifetime(request, body))
        case (.key, "DELETE"): return .revoke(try precondition(request))
        case (.audit, _): return .audit(since: try span(request))
        default: return .status
        }
    }

    /// Since when the key is revoked, as the address says after a redirect.
    private func revocation(_ request: ConsoleRequest) -> UnixTime? {
        FormText(request.query.utf8)?["revoked"].flatMap { UnixTime(decimal: Array($0.utf8)) }
    }

    private func formWork(
        _ kind: ChangeKind,
        _ request: ConsoleRequest,
        _ body: [UInt8]
    ) throws(Problem) -> Job.Work {
        guard request.mediaType == "application/x-www-form-urlencoded" else {
            throw .unsupportedType
        }
        guard let form = FormText(body) else { throw .invalid("body") }
        guard let version = form["version"] else { throw .preconditionNeeded }
        switch kind {
        case .generate:
            return .generate(.states([version]), try lifetime(form["expires_in"], form["grace"]))
        case .revoke: return .revoke(.states([version]))
        }
    }

    private func precondition(_ request: ConsoleRequest) throws(Problem) -> Precondition {
        let values = request.values("if-match")
        guard let value = values.first else { throw .preconditionNeeded }
        guard values.count == 1, let precondition = Precondition(field: value) else {
            throw .invalid("if-match")
        }
        return precondition
    }

    private func jsonLifetime(_ request: ConsoleRequest, _ body: [UInt8]) throws(Problem)
        -> KeyLifetime
    {
        guard request.mediaType == "application/json" else { throw .unsupportedType }
        guard let json = FlatJSON(body) else { throw .invalid("body") }
        for name in json.members.keys.sorted() where !["expires_in", "grace"].contains(name) {
            throw .invalid(name)
        }
        return try lifetime(json.members["expires_in"], json.members["grace"])
    }

    private func lifetime(_ expiry: String?, _ grace: String?) throws(Problem) -> KeyLifetime {
        guard let expiry = settings.expiry(expiry) else { throw .invalid("expires_in") }
        guard let grace = settings.grace(grace) else { throw .invalid("grace") }
        return KeyLifetime(
            expiresInMilliseconds: expiry.milliseconds,
            graceMilliseconds: grace.milliseconds ?? 0
        )
    }

    /// How far back the audit goes, in milliseconds; `nil` for all of it.
    private func span(_ request: ConsoleRequest) throws(Problem) -> UInt64? {
        guard let query = FormText(request.query.utf8), query.names.allSatisfy({ $0 == "since" })
        else {
            throw .invalid("query")
        }
        guard !query.names.isEmpty else { return nil }
        guard let span = query["since"].flatMap(TimeSpan.milliseconds), span > 0 else {
            throw .invalid("since")
        }
        return span
    }

    // MARK: Responses

    /// The response to a route that needs nothing but itself; `nil` if it needs more.
    private func file(_ route: Route, _ context: RequestContext) -> ConsoleResponse? {
        switch route {
        case .asset(let name):
            guard let asset = Asset(name: name) else { return response(.notFound, context) }
            var response = ConsoleResponse(
                200,
                type: asset.type,
                headers: PageHeaders.immutable,
                body: asset.contents
            )
            response.isHeadOnly = context.isHeadOnly
            return response
        case .description:
            return text(200, "application/json", APIDescription.text(settings), context)
        case .health: return ConsoleResponse(204, headers: [("Cache-Control", "no-store")])
        case .page, .change, .key, .audit, .readiness, .metrics: return nil
        }
    }

    private func notAllowed(_ route: Route, _ context: RequestContext) -> ConsoleResponse {
        var response = response(.methodNotAllowed, context)
        let methods = route.methods.flatMap { $0 == "GET" ? ["GET", "HEAD"] : [$0] }
        response.headers.append(("Allow", methods.joined(separator: ", ")))
        return response
    }

    /// The response that says why a request is not carried out.
    ///
    /// - Parameters:
    ///   - seconds: After how long to try again.
    ///   - isLogged: Whether the log tells more.
    func response(
        _ problem: Problem,
        _ context: RequestContext,
        retryAfter seconds: Int? = nil,
        isLogged: Bool = false
    ) -> ConsoleResponse {
        let id = isLogged ? context.id : nil
        var response =
            context.isForPrograms
            ? text(problem.status, "application/problem+json", json(problem, context, id), context)
            : page(
                problem.status,
                ProblemPage(
                    settings: settings,
                    texts: context.texts,
                    problem: problem,
                    request: id,
                    retry: context.retry
                ).html,
                context
            )
        if let challenge = challenge(problem) {
            response.headers.append(("WWW-Authenticate", challenge))
        }
        if let wait = seconds ?? (problem.isTemporary ? 1 : nil) {
            response.headers.append(("Retry-After", String(wait)))
        }
        return response
    }

    private func json(_ problem: Problem, _ context: RequestContext, _ id: String?) -> String {
        let (title, detail) = context.texts.problem(problem)
        return JSONText.object(
            [
                ("type", JSONText.string("urn:latchkey:problem:\(problem.name)")),
                ("title", JSONText.string(title)),
                ("status", String(problem.status)),
                ("detail", JSONText.string(detail)),
            ] + (id.map { [("instance", JSONText.string("urn:latchkey:request:\($0)"))] } ?? [])
        ) + "\n"
    }

    func page(_ status: Int, _ html: HTML, _ context: RequestContext) -> ConsoleResponse {
        text(status, "text/html; charset=utf-8", html.text, context)
    }

    func text(_ status: Int, _ type: String, _ text: String, _ context: RequestContext)
        -> ConsoleResponse
    {
        var response = ConsoleResponse(
            status,
            type: type,
            headers: headers(context),
            body: Array(text.utf8)
        )
        response.isHeadOnly = context.isHeadOnly
        return response
    }

    func headers(_ context: RequestContext) -> [(name: String, value: String)] {
        PageHeaders(settings).fields + [("Content-Language", context.language.rawValue)]
    }

    /// The response where too many changes were made.
    ///
    /// - Parameter seconds: When the next one may be.
    public func tooMany(_ job: Job, retryAfter seconds: Int) -> ConsoleResponse {
        response(.tooMany, job.request, retryAfter: seconds)
    }

    /// The response where too many jobs wait already.
    public func busy(_ job: Job) -> ConsoleResponse { response(.busy, job.request) }
}

extension Problem: Error {}

extension ConsoleRequest {
    /// The method; GET for HEAD.
    fileprivate var readMethod: String { method == "HEAD" ? "GET" : method }

    /// Whether the method may change something.
    fileprivate var changes: Bool { readMethod != "GET" }

    /// Whether a problem is rather read by a program than by a person.
    fileprivate var prefersJSON: Bool {
        let ranges = WeightedList.parse(value("accept") ?? "")
        func weight(_ types: [String]) -> Int {
            ranges.filter { types.contains($0.value) }.map(\.weight).max() ?? 0
        }
        return weight(["application/json", "application/problem+json"]) > weight(["text/html"])
    }
}
