using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Azure.Costs;
using Skylight.Benchmarks.Archive.Rival;
using Skylight.Conformance;
using Skylight.Edge.Hosting;

namespace Skylight.Benchmarks.Azure;

/// <summary>
/// What a study costs on Azure, counted by the adapters' own counters on a whole host (sign-in, encryption and audit on): storage transactions by class, catalog
/// requests, bytes. Beside it, the count of an archive that keeps one blob an instance. Times say nothing here: the services are stand-ins on this machine.
/// </summary>
internal static class AzureBench
{
    public static async Task<int> RunAsync(string[] options)
    {
        var slices = Array.IndexOf(options, "--slices") is var at and >= 0 && at + 1 < options.Length ? int.Parse(options[at + 1], CultureInfo.InvariantCulture) : 500;
        await using var services = new AzureServices();
        await services.InitializeAsync();
        if (services.Missing is { } missing)
        {
            await Console.Error.WriteLineAsync(missing);
            return 1;
        }

        var folder = Directory.CreateTempSubdirectory("skylight-bench-").FullName;
        await using (var host = await EdgeHost.StartAsync(
            new EdgeSetup
            {
                DataFolder = folder,
                Dev = true,
                Quiet = true,
                Settings = new Dictionary<string, string?>(services.Settings("bench")) { ["Skylight:Edge:Port"] = "0", ["Skylight:Edge:MinFreeSpaceMiB"] = "0" },
            },
            CancellationToken.None))
        {
            using var http = new HttpClient { BaseAddress = host.Address, Timeout = TimeSpan.FromMinutes(10) };
            var costs = host.Services.GetRequiredService<AzureCosts>();
            var bench = new Cases(http, folder, costs, slices);
            await bench.RunAsync();
        }

        Directory.Delete(folder, recursive: true);
        return 0;
    }

    private sealed class Cases(HttpClient http, string folder, AzureCosts costs, int slices)
    {
        private readonly SyntheticStudies _studies = new();

        public async Task RunAsync()
        {
            await SignInAsync("technician");
            // The institution's secrets, the first study's keys: made once, not what a study costs.
            await StoreAsync(Slices(StudyKind.Tiny, 0, 1), 1);
            Console.WriteLine($"costs on Azure, counted; a study of {slices} CT slices of 526 KB unless it says otherwise");
            Console.WriteLine($"  {"",-44} {"write",6} {"read",6} {"list",5} {"other",6} {"one blob",9} {"fewer",7} {"catalog",8} {"item KB",8} {"MB",8}");
            var study = Slices(StudyKind.Ct, 1, slices);
            await ShowAsync("ingest, 100 a request (STOW-RS)", () => StoreAsync(study, 100), slices);
            await ShowAsync("ingest, 50 a request", () => StoreAsync(Slices(StudyKind.Ct, 2, slices), 50), slices);
            await ShowAsync("ingest, 20 tiny instances, one a request", () => StoreAsync(Slices(StudyKind.Tiny, 3, 20), 1), 20);
            await ShowAsync("ingest again: all duplicates", () => StoreAsync(Slices(StudyKind.Tiny, 3, 20), 20), 0);
            await SignInAsync("radiologist");
            var path = $"dicomweb/studies/{study[0].StudyUid}";
            await ShowAsync("read: search by patient", () => GetAsync($"dicomweb/studies?PatientID={study[0].PatientId}", "application/dicom+json"), 0);
            await ShowAsync("read: metadata of the study", () => GetAsync($"{path}/metadata", "application/dicom+json"), slices);
            await ShowAsync("read: one frame", () => GetAsync($"{path}/series/{study[0].SeriesUid}/instances/{study[slices / 2].SopUid}/frames/1", "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*"), 1);
            await ShowAsync("read: the whole study", () => GetAsync(path, "multipart/related; type=\"application/dicom\"; transfer-syntax=*"), slices);
            Console.WriteLine("  catalog: requests to Cosmos, audit trail included; the stand-in charges 1 RU each, the service by size and index (docs/azure.md).");
            Console.WriteLine("  one blob: the same study with one blob an instance, nothing else counted. fewer: how many times.");
        }

        private static SyntheticInstance[] Slices(StudyKind kind, int study, int count) => [.. Enumerable.Range(1, count).Select(i => new SyntheticInstance(kind, 1, study, 1, i))];

        private async Task ShowAsync(string what, Func<Task> act, int blobs)
        {
            var before = costs.Snapshot();
            await act();
            var cost = costs.Snapshot() - before;
            var ratio = blobs == 0 || cost.Transactions == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{(double)blobs / cost.Transactions:0.0}x");
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {what,-44} {cost.Writes,6} {cost.Reads,6} {cost.Lists,5} {cost.Others,6} {blobs,9} {ratio,7} {cost.CatalogRequests,8} {cost.CatalogBytes / 1024.0,8:0.0} {(cost.BytesUp + cost.BytesDown) / 1e6,8:0.0}"));
        }

        private async Task SignInAsync(string role)
        {
            using var logins = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(folder, "dev-accounts.json")));
            var login = logins.RootElement.GetProperty("accounts").EnumerateArray().First(account => account.GetProperty("role").GetString() == role);
            using var answer = await http.PostAsJsonAsync("api/login", new { user = login.GetProperty("user").GetString(), password = login.GetProperty("password").GetString() });
            answer.EnsureSuccessStatusCode();
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("accessToken").GetString());
        }

        private async Task StoreAsync(SyntheticInstance[] instances, int atOnce)
        {
            foreach (var group in instances.Chunk(atOnce))
            {
                using var content = new MultipartContent("related", "skylight-bench-boundary");
                content.Headers.ContentType!.Parameters.Add(new NameValueHeaderValue("type", "\"application/dicom\""));
                foreach (var instance in group)
                {
                    var part = new ByteArrayContent(_studies.File(instance));
                    part.Headers.ContentType = new MediaTypeHeaderValue("application/dicom");
                    content.Add(part);
                }

                using var answer = await http.PostAsync(new Uri("dicomweb/studies", UriKind.Relative), content);
                answer.EnsureSuccessStatusCode();
            }
        }

        private async Task GetAsync(string path, string accept)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("Accept", accept);
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            answer.EnsureSuccessStatusCode();
            await using var body = await answer.Content.ReadAsStreamAsync();
            await body.CopyToAsync(Stream.Null);
        }
    }
}
