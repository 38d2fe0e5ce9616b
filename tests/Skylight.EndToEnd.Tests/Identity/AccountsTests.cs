using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Identity;

public abstract class AccountsTests(EdgeFixture edge)
{
    [Fact]
    public async Task SecurityAdministrator_MakesChangesAndClosesAnAccount_WhoseTokensDieAtOnce()
    {
        using var security = await edge.ClientAsync("security-admin");
        var created = await PostAsync(security, "api/accounts", new { login = "wang.min", name = "王敏", roles = new[] { "radiologist" } }, 201);
        var (id, user, password) = (created.GetProperty("id").GetString()!, created.GetProperty("user").GetString()!, created.GetProperty("password").GetString()!);
        await PostAsync(security, "api/accounts", new { login = "wang.min", name = "王敏", roles = new[] { "radiologist" } }, 409);
        using var person = await SignInAsync(user, password);
        Assert.Equal(HttpStatusCode.OK, (await person.GetAsync("dicomweb/studies")).StatusCode);

        using var closed = await security.PatchAsJsonAsync($"api/accounts/{id}", new { disabled = true });
        Assert.Equal(HttpStatusCode.OK, closed.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await person.GetAsync("dicomweb/studies")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await person.PostAsJsonAsync("api/login", new { user, password })).StatusCode);

        using var listed = await security.GetAsync("api/accounts?limit=2");
        var list = await listed.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(2, list.GetProperty("items").GetArrayLength());
        Assert.NotEqual("", list.GetProperty("next").GetString());
        Assert.DoesNotContain("passwordHash", list.GetRawText(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("institution-admin", "security-admin")]
    [InlineData("security-admin", "audit-admin")]
    [InlineData("audit-admin", "institution-admin")]
    [InlineData("security-admin", "radiologist")]
    [InlineData("patient", "clinician")]
    public async Task ExclusiveRoles_CannotBeHeldTogether(string first, string second)
    {
        using var security = await edge.ClientAsync("security-admin");
        var refused = await PostAsync(security, "api/accounts", new { login = $"two.{first}.{second}", name = "某人", roles = new[] { first, second } }, 400);
        Assert.Equal("account-roles-exclusive", refused.GetProperty("code").GetString());
    }

    [Fact]
    public async Task SecurityAdministrator_CannotChangeTheirOwnAccount_NorGrantWhatDoesNotExistHere()
    {
        using var security = await edge.ClientAsync("security-admin");
        var me = (await security.GetFromJsonAsync<JsonElement>("api/me")).GetProperty("subject").GetString()!.Split('/')[1];
        using var self = await security.PatchAsJsonAsync($"api/accounts/{me}", new { roles = new[] { "radiologist" } });
        Assert.Equal(HttpStatusCode.Forbidden, self.StatusCode);
        Assert.Equal("account-self", (await self.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString());
        await PostAsync(security, "api/accounts", new { login = "root", name = "某人", roles = new[] { "system-admin" } }, 400);
        await PostAsync(security, "api/accounts", new { login = "root", name = "某人", roles = new[] { "emperor" } }, 400);
    }

    [Fact]
    public async Task Person_ChangesThePassword_WithTheCurrentOne_AndOldTokensEnd()
    {
        using var security = await edge.ClientAsync("security-admin");
        var created = await PostAsync(security, "api/accounts", new { login = "zhao", name = "赵", roles = new[] { "technician" }, password = "first password" }, 201);
        Assert.False(created.TryGetProperty("password", out _));
        using var person = await SignInAsync("zhao@demo", "first password");
        await PostAsync(person, "api/me/password", new { current = "wrong password", @new = "second password" }, 403);
        await PostAsync(person, "api/me/password", new { current = "first password", @new = "short" }, 400);
        using var changed = await person.PostAsJsonAsync("api/me/password", new { current = "first password", @new = "second password" });
        Assert.Equal(HttpStatusCode.NoContent, changed.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await person.GetAsync("api/me")).StatusCode);
        using var again = await SignInAsync("zhao@demo", "second password");
    }

    [Fact]
    public async Task CareRelation_LetsAClinicianIn_UntilItIsRevoked_AndEverythingIsInTheTrail()
    {
        using var technician = await edge.ClientAsync("technician");
        using var administrator = await edge.ClientAsync("institution-admin");
        using var clinician = await edge.ClientAsync("clinician");
        using var auditor = await edge.ClientAsync("audit-admin");
        var file = DemoInstance.Load(Path.Combine(edge.Demo, "head-mr"))[0];
        using (var stored = await EdgeFixture.StoreAsync(technician, "dicomweb/studies", file.Bytes)) Assert.Equal(HttpStatusCode.OK, stored.StatusCode);
        var patient = file.File.Dataset.GetString(DicomTags.PatientID);
        var assigner = file.File.Dataset.GetString(DicomTags.IssuerOfPatientID);
        var study = $"dicomweb/studies/{file.Study}";

        Assert.Equal(HttpStatusCode.NotFound, (await clinician.GetAsync($"{study}/metadata")).StatusCode);
        Assert.Equal(0, (await EdgeFixture.JsonAsync(clinician, "dicomweb/studies")).GetArrayLength());
        var body = new { account = "clinician@demo", patientId = patient, assigner, ground = "visit 1", until = DateTimeOffset.UtcNow.AddDays(1) };
        var relation = await PostAsync(administrator, "api/care-relations", body, 201);
        Assert.Equal(HttpStatusCode.OK, (await clinician.GetAsync($"{study}/metadata")).StatusCode);
        Assert.Equal(1, (await EdgeFixture.JsonAsync(clinician, "dicomweb/studies")).GetArrayLength());
        Assert.Equal(HttpStatusCode.NoContent, (await administrator.DeleteAsync($"api/care-relations/{relation.GetProperty("id").GetString()}")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await clinician.GetAsync($"{study}/metadata")).StatusCode);

        var key = relation.GetProperty("patientKey").GetString();
        var trail = (await auditor.GetFromJsonAsync<JsonElement>($"api/audit?patient={key}")).GetProperty("items").EnumerateArray().Select(i => i.GetProperty("event")).ToList();
        Assert.Equal(
            ["studyRead deny", "care-relation.create done", "studyRead permit", "care-relation.revoke done", "studyRead deny"],
            trail.Select(e => $"{e.GetProperty("action").GetString()} {e.GetProperty("outcome").GetString()}"));
        Assert.Equal("G7b2-CARE", trail[2].GetProperty("basis").GetString());
        var whole = await auditor.GetStringAsync("api/audit?limit=500");
        foreach (var personal in new[] { patient!, file.Study, file.File.Dataset.GetString(DicomTags.PatientName)!, "clinician@demo" })
            Assert.DoesNotContain(personal, whole, StringComparison.Ordinal);
        var verification = await auditor.GetFromJsonAsync<JsonElement>("api/audit/verification");
        Assert.True(verification.GetProperty("ok").GetBoolean(), verification.GetRawText());
    }

    private static async Task<JsonElement> PostAsync(HttpClient client, string path, object body, int status)
    {
        using var response = await client.PostAsJsonAsync(path, body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(status == (int)response.StatusCode, $"{path}: {(int)response.StatusCode} {text}");
        return JsonDocument.Parse(text).RootElement;
    }

    private async Task<HttpClient> SignInAsync(string user, string password)
    {
        var client = new HttpClient { BaseAddress = edge.Address };
        using var response = await client.PostAsJsonAsync("api/login", new { user, password });
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("accessToken").GetString());
        return client;
    }
}

public sealed class AccountsTestsOnDisk(EdgeFixture edge) : AccountsTests(edge), IClassFixture<EdgeFixture>;

public sealed class AccountsTestsOnAzure(AzureEdgeFixture edge) : AccountsTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
