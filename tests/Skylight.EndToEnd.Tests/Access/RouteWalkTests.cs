using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Azure.Functions.Worker;
using Skylight.Functions;

namespace Skylight.EndToEnd.Tests.Access;

/// <summary>Every route, every role, with and without a relation, towards the own and another institution: against <see cref="RouteRow.All"/>.</summary>
public abstract class RouteWalkTests(RouteWorld world)
{
    private static readonly Dictionary<string, (string Method, string Route)> Routes = Discover();

    [Fact]
    public void EveryHttpFunction_HasARow_AndEveryRowAFunction() =>
        Assert.Equal(Routes.Keys.Order(StringComparer.Ordinal), RouteRow.All.Select(r => r.Function).Order(StringComparer.Ordinal));

    [Fact]
    public async Task Walk_EveryCaller_GetsWhatTheTableSays()
    {
        var wrong = new List<string>();
        foreach (var row in RouteRow.All.Where(r => Routes.ContainsKey(r.Function)))
        {
            if (row.Own == RouteRow.Public)
            {
                await CheckAsync(row, "anonymous", world.Anonymous, "demo", "in", wrong);
                continue;
            }

            await CheckAsync(row, "anonymous", world.Anonymous, "demo", "401", wrong);
            foreach (var institution in row.Other is null ? ["demo"] : new[] { "other", "demo" })
            {
                // Those who get in come last: what they do may use the object up.
                var expectation = institution == "demo" ? row.Own : row.Other!;
                foreach (var caller in RouteWorld.Callers.OrderBy(c => RouteRow.Expected(expectation, c) == "in"))
                    await CheckAsync(row, caller, world.Client(caller), institution, RouteRow.Expected(expectation, caller), wrong);
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public async Task RefusedStudy_AndMissingOne_LookTheSame()
    {
        foreach (var (function, (method, route)) in Routes.Where(r => r.Value.Route.Contains("{study}", StringComparison.Ordinal) && r.Value.Method == "GET"))
        {
            foreach (var caller in RouteWorld.Callers)
            {
                var row = RouteRow.All.Single(r => r.Function == function);
                if (RouteRow.Expected(row.Own, caller) != "404") continue;
                var target = world.Targets["demo"];
                var refused = await SeenAsync(caller, method, Fill(route, target, "", "0-1"));
                var missing = await SeenAsync(caller, method, Fill(route, target with { Study = "1.2.826.0.1.999", Series = "1.2.826.0.1.998", Instance = "1.2.826.0.1.997" }, "", "0-1"));
                Assert.Equal(missing, refused);
            }
        }
    }

    [Fact]
    public async Task DeletedStudy_AndMissingOne_LookTheSame_ButToThoseWhoHandleDeletions()
    {
        var uid = $"1.2.826.0.4.{++_disposable}";
        var target = world.Targets["demo"];
        var deleted = target with { Study = await world.DisposableAsync("demo", uid), Series = $"{uid}.2", Instance = $"{uid}.3" };
        using (var response = await world.Client("TEC").DeleteAsync($"dicomweb/studies/{deleted.Study}")) Assert.Equal(204, (int)response.StatusCode);
        string[] keeping = ["holds-set", "holds-release", "encounter-put"];
        foreach (var (function, (method, route)) in Routes.Where(r => r.Value.Route.Contains("{study}", StringComparison.Ordinal) && (r.Value.Method == "GET" || keeping.Contains(r.Key))))
        {
            foreach (var caller in RouteWorld.Callers.Where(caller => caller != "REC" && (caller, function) is not ("TEC", "retention-get")))
            {
                var missing = Fill(route, target with { Study = "1.2.826.0.1.999", Series = "1.2.826.0.1.998", Instance = "1.2.826.0.1.997" }, "", "0-1");
                Assert.Equal(await SeenAsync(caller, method, missing), await SeenAsync(caller, method, Fill(route, deleted, "", "0-1")));
            }
        }
    }

    [Fact]
    public async Task InstitutionWithoutGrant_AndUnknownOne_LookTheSame()
    {
        foreach (var caller in RouteWorld.Callers.Where(c => c != "PAT+"))
        {
            foreach (var path in new[] { "dicomweb/studies", "dicomweb/studies/1.2.3/metadata" })
                Assert.Equal(await SeenAsync(caller, "GET", $"institutions/unknown/{path}"), await SeenAsync(caller, "GET", $"institutions/other/{path}"));
        }
    }

    [Fact]
    public async Task EveryList_RefusesACursorThatItNeverGave_AndALimitOutOfItsRange()
    {
        var (lists, wrong) = (new HashSet<string>(StringComparer.Ordinal), new List<string>());
        var foreign = (await PageAsync("SEC", "api/accounts?limit=1"))!.Value.Body["next"]!.GetValue<string>();
        foreach (var row in RouteRow.All.Where(row => row.Own != RouteRow.Public && Routes[row.Function].Method == "GET"))
        {
            if (RouteWorld.Callers.FirstOrDefault(caller => RouteRow.Expected(row.Own, caller) == "in") is not { } caller) continue;
            var route = Routes[row.Function].Route;
            var path = Fill(route, world.Targets["demo"], route.StartsWith("api/uploads/", StringComparison.Ordinal) ? await world.UploadAsync("demo") : await HeldAsync("demo", fresh: false), "0-1");
            if (await PageAsync(caller, path) is not { Status: 200, Body: var first } || first["items"] is not JsonArray) continue;
            lists.Add(row.Function);
            foreach (var cursor in new[] { "zzz", "!!", "5", new string('A', 300), "a&next=b", foreign })
            {
                // The accounts' own cursor leads on.
                var expected = (row.Function, cursor) == ("accounts-list", foreign) ? (200, null) : (400, (string?)"query-malformed");
                var page = (await PageAsync(caller, $"{path}?next={cursor}"))!.Value;
                if ((page.Status, page.Body["code"]?.GetValue<string>()) != expected) wrong.Add($"{row.Function}, next={cursor}: {page.Status} {page.Body["code"]}");
            }

            foreach (var limit in new[] { "0", "-1", "x", "5001", "1&limit=2" })
            {
                var page = (await PageAsync(caller, $"{path}?limit={limit}"))!.Value;
                if ((page.Status, page.Body["code"]?.GetValue<string>(), page.Body["field"]?.GetValue<string>()) != (400, "query-malformed", "limit")) wrong.Add($"{row.Function}, limit={limit}: {page.Status} {page.Body}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.Equal(
            (string[])
            [
                "accounts-list", "audit-list", "care-relations-list", "corrections-list", "corrections-of-study", "deletions-list", "erasures-list", "institutions-list", "intake-list", "maintenance-list",
                "person-links-list", "statistics-list", "studies-search", "uploads-blobs", "versions-list",
            ],
            lists.Order(StringComparer.Ordinal));
    }

    /// <summary>Null where the answer is no JSON object.</summary>
    private async Task<(int Status, JsonObject Body)?> PageAsync(string caller, string path)
    {
        using var response = await world.Client(caller).GetAsync(path);
        if (response.Content.Headers.ContentType?.MediaType is not ("application/json" or "application/problem+json")) return null;
        return JsonNode.Parse(await response.Content.ReadAsStringAsync()) is JsonObject body ? ((int)response.StatusCode, body) : null;
    }

    [Fact]
    public async Task Unauthenticated_IsChallenged_AsRfc6750Says()
    {
        using var none = await world.Anonymous.GetAsync("api/me");
        Assert.Equal("Bearer realm=\"skylight\"", Assert.Single(none.Headers.GetValues("WWW-Authenticate")));
        using var request = new HttpRequestMessage(HttpMethod.Get, "api/me");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.");
        using var bad = await world.Anonymous.SendAsync(request);
        Assert.Equal(401, (int)bad.StatusCode);
        Assert.Equal("Bearer realm=\"skylight\", error=\"invalid_token\"", Assert.Single(bad.Headers.GetValues("WWW-Authenticate")));
    }

    private async Task CheckAsync(RouteRow row, string caller, HttpClient client, string institution, string expected, List<string> wrong)
    {
        var (method, route) = Routes[row.Function];
        var target = world.Targets[institution];
        if (method == "DELETE" && route.Contains("dicomweb", StringComparison.Ordinal) && institution == "demo" && expected == "in")
        {
            var uid = $"1.2.826.0.3.{++_disposable}";
            target = target with { Study = await world.DisposableAsync(institution, uid), Series = $"{uid}.2", Instance = $"{uid}.3" };
        }

        var upload = route.StartsWith("api/uploads/", StringComparison.Ordinal) ? await world.UploadAsync(institution)
            : route.StartsWith("api/intake/", StringComparison.Ordinal) ? await HeldAsync(institution, expected == "in")
            : "";
        var path = Fill(route, target, upload, "0-1");
        if (route.EndsWith("{range}", StringComparison.Ordinal)) path = Fill(route, target, upload, await BulkRangeAsync(institution));
        if (institution == "other" && row.OtherQuery is { } query) path += "?" + query;
        using var request = new HttpRequestMessage(new HttpMethod(method), path) { Content = row.Body?.Invoke(world) };
        using var response = await client.SendAsync(request);
        var got = (int)response.StatusCode is 401 or 403 or 404 ? ((int)response.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture) : "in";
        if (got != expected || (int)response.StatusCode >= 500)
            wrong.Add($"{row.Function} by {caller} towards {institution}: {(int)response.StatusCode}, expected {expected}  ({method} {path})");
    }

    private readonly Dictionary<string, string> _heldItems = [];
    private int _disposable;

    /// <summary>Who gets in uses the item up; the others may share one.</summary>
    private async Task<string> HeldAsync(string institution, bool fresh)
    {
        if (!fresh && _heldItems.TryGetValue(institution, out var known)) return known;
        return _heldItems[institution] = await world.HeldAsync(institution);
    }

    private string? _bulk;

    private async Task<string> BulkRangeAsync(string institution)
    {
        // The range of the pixel data is the same in both institutions: the same file but for its UIDs, which are of one length.
        _ = institution;
        if (_bulk is not null) return _bulk;
        var target = world.Targets["demo"];
        var metadata = await world.Client("RAD").GetStringAsync($"dicomweb/studies/{target.Study}/metadata");
        var uri = JsonNode.Parse(metadata)![0]!["7FE00010"]!["BulkDataURI"]!.GetValue<string>();
        return _bulk = uri[(uri.LastIndexOf('/') + 1)..];
    }

    /// <summary>All that a caller can see of an answer, without what differs from request to request by nature.</summary>
    private async Task<string> SeenAsync(string caller, string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await world.Client(caller).SendAsync(request);
        var headers = response.Headers.Concat(response.Content.Headers)
            .Where(h => h.Key is not ("Date" or "X-Correlation-Id"))
            .OrderBy(h => h.Key, StringComparer.Ordinal)
            .Select(h => $"{h.Key}: {string.Join(',', h.Value)}");
        var body = await response.Content.ReadAsStringAsync();
        if (body.StartsWith('{') && JsonNode.Parse(body) is JsonObject problem && problem.Remove("correlationId")) body = problem.ToJsonString(JsonSerializerOptions.Default);
        return $"{(int)response.StatusCode}\n{string.Join('\n', headers)}\n{body}";
    }

    private static string Fill(string route, Target target, string upload, string range)
    {
        var id = route.StartsWith("api/uploads/", StringComparison.Ordinal) || route.StartsWith("api/intake/", StringComparison.Ordinal) ? upload
            : route.StartsWith("api/accounts/", StringComparison.Ordinal) ? target.Account
            : route.StartsWith("api/care-relations/", StringComparison.Ordinal) ? target.Relation
            : target.Link;
        return route.Replace("{institution}", target.Institution, StringComparison.Ordinal).Replace("{code}", target.Institution, StringComparison.Ordinal)
            .Replace("{study}", target.Study, StringComparison.Ordinal).Replace("{series}", target.Series, StringComparison.Ordinal)
            .Replace("{instance}", target.Instance, StringComparison.Ordinal).Replace("{frames}", "1", StringComparison.Ordinal)
            .Replace("{range}", range, StringComparison.Ordinal).Replace("{revision}", "1", StringComparison.Ordinal).Replace("{id}", id, StringComparison.Ordinal);
    }

    private static Dictionary<string, (string Method, string Route)> Discover() =>
        (from type in typeof(Composition).Assembly.GetTypes()
         from method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static)
         let function = method.GetCustomAttribute<FunctionAttribute>()
         where function is not null
         let trigger = method.GetParameters().Select(p => p.GetCustomAttribute<HttpTriggerAttribute>()).FirstOrDefault(t => t is not null)
         where trigger is not null
         select (function.Name, Method: trigger.Methods!.Single().ToUpperInvariant(), Route: trigger.Route!))
        .ToDictionary(r => r.Name, r => (r.Method, r.Route));
}

public sealed class RouteWalkTestsOnDisk(RouteWorld world) : RouteWalkTests(world), IClassFixture<RouteWorld>;

public sealed class RouteWalkTestsOnAzure(AzureRouteWorld world) : RouteWalkTests(world.Ready()), IClassFixture<AzureRouteWorld>;
