using System.CommandLine;
using Skylight.Cli;
using Skylight.Cli.Query;
using Skylight.Dicom;

namespace Skylight.EndToEnd.Tests.DicomWeb;

/// <summary><c>skylight search</c> and <c>skylight get</c> against a real host.</summary>
public abstract class CommandTests(EdgeFixture edge)
{
    [Fact]
    public async Task Get_Study_WritesItsFiles()
    {
        var files = DemoInstance.Load(Path.Combine(edge.Demo, "head-mr"));
        using var uploader = await edge.ClientAsync("uploader");
        (await EdgeFixture.StoreAsync(uploader, "dicomweb/studies", files.Select(f => f.Bytes))).EnsureSuccessStatusCode();

        var output = Path.Combine(edge.Data, "got");
        Assert.Equal(0, await RunAsync("search", "--patient-name", "李*", "--json"));
        Assert.Equal(0, await RunAsync("search", "lina", "--modality", "MR"));
        Assert.Equal(ExitCode.Usage, (await Assert.ThrowsAsync<CliException>(() => RunAsync("search", "lina", "--uid", "1.2"))).ExitCode);
        Assert.Equal(0, await RunAsync("get", "study", files[0].Study, "-o", output, "--json"));

        Assert.Equal(files.Select(f => f.Sop + ".dcm").Order(StringComparer.Ordinal), Directory.EnumerateFiles(output).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        foreach (var file in files) Assert.Equal(file.Dataset, DemoInstance.DatasetOf(await File.ReadAllBytesAsync(Path.Combine(output, file.Sop + ".dcm"))));
        Assert.Equal("Li^Na=李^娜=lǐ^nà", DicomFile.Read(await File.ReadAllBytesAsync(Path.Combine(output, files[0].Sop + ".dcm"))).Dataset.GetString(DicomTags.PatientName));
    }

    [Fact]
    public async Task Get_MissingStudy_EndsWithNotFound()
    {
        var failure = await Assert.ThrowsAsync<CliException>(() => RunAsync("get", "study", "9.9.9", "-o", Path.Combine(edge.Data, "nothing")));
        Assert.Equal(ExitCode.NotFound, failure.ExitCode);
        Assert.False(Directory.Exists(Path.Combine(edge.Data, "nothing")));
    }

    private async Task<int> RunAsync(params string[] arguments)
    {
        var root = new RootCommand { Connection.Url, Connection.Token, Connection.Json, SearchCommand.Create(), GetCommand.Create() };
        return await root.Parse([.. arguments, "--url", edge.Address.AbsoluteUri, "--token", await edge.TokenAsync("radiologist")])
            .InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }
}

public sealed class CommandTestsOnDisk(EdgeFixture edge) : CommandTests(edge), IClassFixture<EdgeFixture>;

public sealed class CommandTestsOnAzure(AzureEdgeFixture edge) : CommandTests(edge.Ready()), IClassFixture<AzureEdgeFixture>;
