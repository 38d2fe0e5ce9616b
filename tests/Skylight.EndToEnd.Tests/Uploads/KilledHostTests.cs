using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Azure;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;

namespace Skylight.EndToEnd.Tests.Uploads;

public sealed class KilledHostTests : IAsyncLifetime
{
    private const int Kills = 3;
    private readonly string _data = Directory.CreateTempSubdirectory("skylight-killed-").FullName;
    private readonly Uri _address = new($"http://127.0.0.1:{FreePort()}/");
    private Process? _host;

    public async ValueTask InitializeAsync() => await StartAsync();

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task KilledInTheMiddle_LosesNoAcknowledgedBlock()
    {
        var token = (await RunAsync("token", "uploader")).Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1].Trim();
        using var client = new HttpClient { BaseAddress = _address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        var opened = await (await client.PostAsync(new Uri("api/uploads", UriKind.Relative), null)).Content.ReadFromJsonAsync<JsonElement>();
        var url = new Uri(opened.GetProperty("uploadUrl").GetString()!);
        var blob = new BlobContainerClient(url, new BlobClientOptions { Retry = { MaxRetries = 0 } }).GetBlockBlobClient("large");
        var acknowledged = new ConcurrentDictionary<int, byte[]>();
        var next = 0;
        for (var kill = 0; kill < Kills; kill++)
        {
            var wanted = acknowledged.Count + 7 + kill * 5;
            var senders = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                while (true)
                {
                    var block = Interlocked.Increment(ref next);
                    var content = RandomNumberGenerator.GetBytes(100_000 + block);
                    try
                    {
                        await blob.StageBlockAsync(Id(block), new MemoryStream(content));
                        acknowledged[block] = content;
                    }
                    catch (RequestFailedException)
                    {
                        return;
                    }
                }
            })).ToArray();
            while (acknowledged.Count < wanted) await Task.Delay(1);
            await KillAsync();
            await Task.WhenAll(senders);
            await StartAsync();
        }

        Assert.True(acknowledged.Count >= Kills * 7);
        var arrived = await client.GetFromJsonAsync<JsonElement>($"api/uploads/{opened.GetProperty("uploadId").GetString()}/blobs");
        var staged = Assert.Single(arrived.GetProperty("items").EnumerateArray()).GetProperty("blocks").EnumerateArray().ToDictionary(b => b.GetProperty("id").GetString()!, b => b.GetProperty("size").GetInt64());
        foreach (var (block, content) in acknowledged) Assert.Equal(content.Length, staged[Id(block)]);

        var order = acknowledged.Keys.Order().ToArray();
        await blob.CommitBlockListAsync(order.Select(Id));
        await KillAsync();
        await StartAsync();
        var read = (await new BlobContainerClient(ReadUrl(url)).GetBlobClient("large").DownloadContentAsync()).Value.Content.ToMemory();
        foreach (var block in order)
        {
            Assert.True(read.Span[..acknowledged[block].Length].SequenceEqual(acknowledged[block]));
            read = read[acknowledged[block].Length..];
        }

        Assert.Equal(0, read.Length);
    }

    private static string Id(int block) => Convert.ToBase64String(BitConverter.GetBytes(block));

    /// <summary>A SAS with the right to read, signed with the host's own key: no client ever gets one.</summary>
    private Uri ReadUrl(Uri upload)
    {
        var parsed = new BlobUriBuilder(upload);
        var credential = new StorageSharedKeyCredential(parsed.AccountName, File.ReadAllText(Path.Combine(_data, "ingress", "account.key")));
        var sas = new BlobSasBuilder(BlobContainerSasPermissions.Read, TimeProvider.System.GetUtcNow().AddHours(1)) { BlobContainerName = parsed.BlobContainerName, Resource = "c" };
        return new UriBuilder(upload) { Query = sas.ToSasQueryParameters(credential).ToString() }.Uri;
    }

    private async Task StartAsync()
    {
        _host = Start(["--data", _data, "--port", $"{_address.Port}", "--dev", "--Skylight:Edge:MinFreeSpaceMiB", "0", "--Skylight:Uploads:FreeSpaceFloorBytes", "0", "--Skylight:Identity:HashIterations", "1000"]);
        _ = _host.StandardOutput.ReadToEndAsync();
        _ = _host.StandardError.ReadToEndAsync();
        using var client = new HttpClient { BaseAddress = _address };
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (true)
        {
            Assert.False(_host.HasExited);
            try
            {
                using var answer = await client.GetAsync(new Uri("health/ready", UriKind.Relative), patience.Token);
                if (answer.StatusCode == HttpStatusCode.OK) return;
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(50, patience.Token);
        }
    }

    private async Task KillAsync()
    {
        if (_host is null) return;
        _host.Kill();
        await _host.WaitForExitAsync();
        _host.Dispose();
        _host = null;
    }

    private async Task<string> RunAsync(params string[] arguments)
    {
        using var process = Start([.. arguments, "--data", _data, "--port", $"{_address.Port}"]);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await error);
        return output;
    }

    private static Process Start(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "skylight-edge.dll"));
        foreach (var argument in arguments) start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
