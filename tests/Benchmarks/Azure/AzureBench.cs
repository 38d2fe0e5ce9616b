using System.Globalization;
using System.IO.Compression;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Azure.Storage.Blobs;
using Microsoft.Extensions.DependencyInjection;
using Skylight.Azure.Costs;
using Skylight.Benchmarks.Archive.Rival;
using Skylight.Conformance;
using Skylight.Core.Catalog;
using Skylight.Core.Studies;
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
                Settings = new Dictionary<string, string?>(services.Settings("bench"))
                {
                    ["Skylight:Edge:Port"] = "0", ["Skylight:Edge:MinFreeSpaceMiB"] = "0", ["Skylight:Ingest:QuietSeconds"] = "3600", ["Skylight:Integrity:Scrub"] = "false",
                    ["Skylight:KeyBackup:Store:ConnectionString"] = services.ConnectionString,
                },
            },
            CancellationToken.None))
        {
            using var http = new HttpClient { BaseAddress = host.Address, Timeout = TimeSpan.FromMinutes(10) };
            var costs = host.Services.GetRequiredService<AzureCosts>();
            var bench = new Cases(http, host.Services, folder, costs, slices);
            await bench.RunAsync();
        }

        Directory.Delete(folder, recursive: true);
        return 0;
    }

    private sealed class Cases(HttpClient http, IServiceProvider services, string folder, AzureCosts costs, int slices)
    {
        private readonly SyntheticStudies _studies = new();
        private string _last = "";

        public async Task RunAsync()
        {
            await SignInAsync("technician");
            // The institution's secrets, the first study's keys: made once, not what a study costs.
            await StoreAsync(Slices(StudyKind.Tiny, 0, 1), 1);
            Console.WriteLine($"costs on Azure, counted; a study of {slices} CT slices of 526 KB unless it says otherwise");
            Console.WriteLine($"  {"",-44} {"storage requests",25} {"one blob",9} {"fewer",7} {"Cosmos requests",21} {"item KB",8} {"RU",7} {"MB",8}");
            Console.WriteLine($"  {"",-44} {"write",6} {"read",6} {"list",5} {"free",5} {"",9} {"",7} {"read",6} {"query",6} {"write",6} {"",9} {"est.",7}");
            var study = Slices(StudyKind.Ct, 1, slices);
            await ShowAsync("ingest, 100 a request (STOW-RS)", () => StoreAsync(study, 100), slices);
            await ShowAsync("  its completion: merge of small parts", QuietAsync, 0);
            await ShowAsync("ingest, 50 a request", () => StoreAsync(Slices(StudyKind.Ct, 2, slices), 50), slices);
            await ShowAsync("  its completion: merge of small parts", QuietAsync, 0);
            await ShowAsync("ingest from an upload, a file an instance", () => UploadAsync(Slices(StudyKind.Ct, 4, slices), zip: false), slices);
            await ShowAsync("ingest from an upload, one ZIP", () => UploadAsync(Slices(StudyKind.Ct, 5, slices), zip: true), slices);
            await ShowAsync("ingest, 20 tiny instances, one a request", () => StoreAsync(Slices(StudyKind.Tiny, 3, 20), 1), 20);
            await ShowAsync("  its completion: merge of small parts", QuietAsync, 0);
            await ShowAsync("ingest again: all duplicates", () => StoreAsync(Slices(StudyKind.Tiny, 3, 20), 20), 0);
            await SignInAsync("radiologist");
            var path = $"dicomweb/studies/{study[0].StudyUid}";
            await ShowAsync("read: search by patient", () => GetAsync($"dicomweb/studies?PatientID={study[0].PatientId}", "application/dicom+json"), 0);
            await ShowAsync("read: metadata of the study", () => GetAsync($"{path}/metadata", "application/dicom+json"), slices);
            await ShowAsync("read: one frame", () => GetAsync($"{path}/series/{study[0].SeriesUid}/instances/{study[slices / 2].SopUid}/frames/1", "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*"), 1);
            await ShowAsync("read: the next frame", () => GetAsync($"{path}/series/{study[0].SeriesUid}/instances/{study[(slices / 2) + 1].SopUid}/frames/1", "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*"), 1);
            await ShowAsync("read: the whole study", () => GetAsync(path, "multipart/related; type=\"application/dicom\"; transfer-syntax=*"), slices);
            Console.WriteLine("  storage: every try of every request to the archive and the ingress account; what the sender of an upload asks for is not ours, and not here. free: deletions.");
            Console.WriteLine("  RU est.: by the documented table of item sizes under bounded staleness, indexing and query work left out; the stand-in itself charges 1 for everything.");
            Console.WriteLine("  one blob: the same study with one blob an instance, nothing else counted. fewer: how many times. Timers that run beside it are counted where they fall.");
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
                $"  {what,-44} {cost.Writes,6} {cost.Reads,6} {cost.Lists,5} {cost.Others,5} {blobs,9} {ratio,7} {cost.CatalogReads,6} {cost.CatalogQueries,6} {cost.CatalogWrites,6} {cost.CatalogBytes / 1024.0,9:0.0} {cost.EstimatedRequestUnits,7:0} {(cost.BytesUp + cost.BytesDown) / 1e6,8:0.0}"));
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
            _last = instances[0].StudyUid;
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

        /// <summary>What the clock does to the study that was stored last before it is complete.</summary>
        private async Task QuietAsync()
        {
            var study = (await services.GetRequiredService<ICatalog>().GetStudyAsync("demo", _last, default))!.Value;
            await services.GetRequiredService<SeriesMerge>().MergeAsync("demo", study.StudyKey, default);
        }

        /// <summary>An upload session: the sender writes to the ingress account, completes, and waits for the report.</summary>
        private async Task UploadAsync(SyntheticInstance[] instances, bool zip)
        {
            using var opened = await http.PostAsync(new Uri("api/uploads", UriKind.Relative), null);
            opened.EnsureSuccessStatusCode();
            var session = await opened.Content.ReadFromJsonAsync<JsonElement>();
            var container = new BlobContainerClient(new Uri(session.GetProperty("uploadUrl").GetString()!));
            if (zip)
            {
                var path = Path.Combine(folder, "study.zip");
                await using (var archive = await ZipFile.OpenAsync(path, ZipArchiveMode.Create))
                {
                    foreach (var instance in instances)
                    {
                        await using var entry = await archive.CreateEntry($"{instance.SopUid}.dcm", CompressionLevel.NoCompression).OpenAsync();
                        await entry.WriteAsync(_studies.File(instance));
                    }
                }

                await using var file = File.OpenRead(path);
                await container.UploadBlobAsync("study.zip", file);
            }
            else
            {
                await Parallel.ForEachAsync(instances, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (instance, token) =>
                    await container.UploadBlobAsync($"{instance.SopUid}.dcm", new BinaryData(_studies.File(instance)), token));
            }

            var address = opened.Headers.Location!.OriginalString;
            using (var completed = await http.PostAsync(new Uri($"{address}/complete", UriKind.Relative), null)) completed.EnsureSuccessStatusCode();
            JsonElement status;
            do
            {
                await Task.Delay(2000);
                status = await http.GetFromJsonAsync<JsonElement>(address);
            }
            while (status.GetProperty("status").GetString() is "open" or "closing" or "starting" or "running");
            if (status.GetProperty("status").GetString() != "completed") throw new InvalidOperationException(status.GetRawText());
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
