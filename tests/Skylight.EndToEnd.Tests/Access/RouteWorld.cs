using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Core.Access;
using Skylight.Core.Documents;
using Skylight.Core.Identity;
using Skylight.Core.Institutions;
using Skylight.Dicom;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Access;

/// <summary>Two institutions with a study each, and a caller of every kind.</summary>
public class RouteWorld : IAsyncLifetime
{
    private readonly EdgeFixture _edge;
    private readonly Dictionary<string, HttpClient> _clients = [];
    private DemoInstance _file = null!;
    private int _held;

    public RouteWorld() : this(new EdgeFixture())
    {
    }

    protected RouteWorld(EdgeFixture edge) => _edge = edge;

    public static IReadOnlyList<string> Callers { get; } = ["SYS", "PSEC", "INST", "SEC", "AUD", "RAD", "CLI", "CLI+", "TEC", "REC", "UPL", "UPL2", "PAT", "PAT+"];

    public HttpClient Anonymous { get; private set; } = null!;

    /// <summary>An object of each institution, by institution code.</summary>
    public Dictionary<string, Target> Targets { get; } = [];

    public HttpClient Client(string caller) => _clients[caller];

    public virtual async ValueTask InitializeAsync()
    {
        await _edge.InitializeAsync();
        Anonymous = new HttpClient { BaseAddress = _edge.Address };
        _file = DemoInstance.Load(Path.Combine(_edge.Demo, "head-mr"))[0];
        await _edge.Services.GetRequiredService<InstitutionDirectory>().PutAsync(
            new(1, "other", "另一医院", null, null, "Asia/Shanghai", LegalProfile.CnStrict, [], DateTimeOffset.UnixEpoch), Match.None, default);
        (string Caller, Role Role)[] people =
        [
            ("SYS", Role.SystemAdmin), ("PSEC", Role.SecurityAdmin), ("INST", Role.InstitutionAdmin), ("SEC", Role.SecurityAdmin), ("AUD", Role.AuditAdmin),
            ("RAD", Role.Radiologist), ("CLI", Role.Clinician), ("CLI+", Role.Clinician), ("TEC", Role.Technician), ("REC", Role.MedicalRecords), ("UPL", Role.Uploader), ("UPL2", Role.Uploader),
            ("PAT", Role.Patient), ("PAT+", Role.Patient),
        ];
        foreach (var (caller, role) in people) _clients[caller] = await SignInAsync(role, caller is "SYS" or "PSEC" ? Actor.PlatformInstitution : "demo");
        Targets["demo"] = await SettleAsync("demo", "1.2.826.0.1.1", Client("TEC"), Client("INST"), Client("UPL"));
        Targets["other"] = await SettleAsync(
            "other", "1.2.826.0.1.2", await SignInAsync(Role.Technician, "other"), await SignInAsync(Role.InstitutionAdmin, "other"), await SignInAsync(Role.Uploader, "other"));
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (var client in _clients.Values) client.Dispose();
        Anonymous?.Dispose();
        await _edge.DisposeAsync();
    }

    public static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    /// <summary>A STOW-RS body with an instance that is in the archive already.</summary>
    public MultipartContent Dicom() => Dicom(_file.With(d => Rename(d, "1.2.826.0.1.77")));

    /// <summary>An upload session made by UPL of demo, or by the other institution's node.</summary>
    public async Task<string> UploadAsync(string institution)
    {
        using var response = await (institution == "demo" ? Client("UPL") : _clients["other-uploader"]).PostAsync("api/uploads", null);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}");
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("uploadId").GetString()!;
    }

    /// <summary>A study that may be deleted, with the relations that the lasting one has.</summary>
    public async Task<string> DisposableAsync(string institution, string uid)
    {
        var technician = institution == "demo" ? Client("TEC") : _clients["other-technician"];
        await StoreAsync(technician, uid);
        return $"{uid}.1";
    }

    /// <summary>An instance that ingest held: other pixels under a UID that is there already.</summary>
    public async Task<string> HeldAsync(string institution)
    {
        var technician = institution == "demo" ? Client("TEC") : _clients["other-technician"];
        var uid = $"1.2.826.0.2.{++_held}";
        await StoreAsync(technician, uid);
        var other = _file.With(d =>
        {
            Rename(d, uid);
            d.Set(DicomTags.PixelData, Vr.OW, new byte[d.GetBytes(DicomTags.PixelData).Length]);
        });
        using var response = await technician.PostAsync("dicomweb/studies", Dicom(other));
        Assert.Equal(409, (int)response.StatusCode);
        var items = (await technician.GetFromJsonAsync<JsonElement>("api/intake?limit=500")).GetProperty("items").EnumerateArray();
        return items.Single(i => i.TryGetProperty("sopInstanceUid", out var sop) && sop.GetString() == $"{uid}.3").GetProperty("id").GetString()!;
    }

    private async Task<Target> SettleAsync(string institution, string uid, HttpClient technician, HttpClient administrator, HttpClient uploader)
    {
        if (institution == "other") (_clients["other-technician"], _clients["other-admin"], _clients["other-uploader"]) = (technician, administrator, uploader);
        await StoreAsync(technician, uid);
        if (institution == "demo") await RelateAsync(administrator, "api/care-relations", new { account = await SubjectAsync("CLI+"), patientId = "route-walk", ground = "visit 1", until = DateTimeOffset.UtcNow.AddDays(1) });
        await RelateAsync(administrator, "api/person-links", new { person = await SubjectAsync("PAT+"), patientId = "route-walk", method = "documentInPerson", ground = "form 1" });
        var spare = await _edge.Services.GetRequiredService<AccountDirectory>().CreateAsync(institution, "spare", "备用", AccountKind.Person, [Role.Radiologist], null, "test", default);
        var relation = await RelateAsync(administrator, "api/care-relations", new { account = spare.Subject, patientId = "someone-else", ground = "visit 2", until = DateTimeOffset.UtcNow.AddDays(1) });
        var person = await _edge.Services.GetRequiredService<AccountDirectory>().CreateAsync(institution, "someone", "另一人", AccountKind.Person, [Role.Patient], null, "test", default);
        var link = await RelateAsync(administrator, "api/person-links", new { person = person.Subject, patientId = "someone-else", method = "cardWithPin", ground = "form 2" });
        return new(institution, $"{uid}.1", $"{uid}.2", $"{uid}.3", spare.Id, relation, link);
    }

    private static async Task<string> RelateAsync(HttpClient administrator, string path, object body)
    {
        using var response = await administrator.PostAsync(path, Json(JsonSerializer.Serialize(body)));
        Assert.Equal(201, (int)response.StatusCode);
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }

    private async Task StoreAsync(HttpClient technician, string uid)
    {
        using var response = await technician.PostAsync("dicomweb/studies", Dicom(_file.With(d => Rename(d, uid))));
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
    }

    private async Task<string> SubjectAsync(string caller) => (await Client(caller).GetFromJsonAsync<JsonElement>("api/me")).GetProperty("subject").GetString()!;

    private async Task<HttpClient> SignInAsync(Role role, string institution)
    {
        var services = _edge.Services;
        var account = await services.GetRequiredService<AccountDirectory>().CreateAsync(
            institution, $"walk-{role.Wire()}-{_clients.Count}", "行者", role == Role.Uploader ? AccountKind.Client : AccountKind.Person, [role], null, "test", default);
        var token = await services.GetRequiredService<TokenIssuer>().IssueAsync(account, PublicClients.Cli, default);
        var client = new HttpClient { BaseAddress = _edge.Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.AccessToken);
        return client;
    }

    private static void Rename(DicomDataset dataset, string uid)
    {
        dataset.Set(DicomTags.StudyInstanceUID, Vr.UI, $"{uid}.1");
        dataset.Set(DicomTags.SeriesInstanceUID, Vr.UI, $"{uid}.2");
        dataset.Set(DicomTags.SOPInstanceUID, Vr.UI, $"{uid}.3");
        dataset.Set(DicomTags.PatientID, Vr.LO, "route-walk");
    }

    private static MultipartContent Dicom(DemoInstance file)
    {
        var content = new MultipartContent("related", "route-walk");
        content.Headers.ContentType!.Parameters.Add(new NameValueHeaderValue("type", "\"application/dicom\""));
        var part = new ByteArrayContent(file.Bytes);
        part.Headers.ContentType = new MediaTypeHeaderValue("application/dicom");
        content.Add(part);
        return content;
    }
}

/// <param name="Relation">A care relation of nobody in the walk.</param>
/// <param name="Link">A person link of nobody's study in the walk.</param>
public sealed record Target(string Institution, string Study, string Series, string Instance, string Account, string Relation, string Link);
