using Microsoft.AspNetCore.Http;
using Skylight.Archive.Objects;
using Skylight.Core.Documents;
using Skylight.Functions.Http;

namespace Skylight.Edge.Tests.Triggers;

public sealed class HttpFailureTests
{
    public static TheoryData<Exception, int, string> Failures => new()
    {
        { new DocumentConflictException(new DocumentKey("a", "b", "c")), 409, "conflict" },
        { new ObjectArchivedException("a/b/c.pack"), 409, "study-archived" },
        { new BadHttpRequestException("x", 413), 413, "body-too-large" },
        { new BadHttpRequestException("x", 408), 408, "request-too-slow" },
        { new BadHttpRequestException("x"), 400, "request-malformed" },
        { new StorageFullException("x"), 507, "storage-full" },
        { new IOException("x", 28), 507, "storage-full" },
        { new IOException("x"), 500, "internal-error" },
        { new ArgumentException("x"), 500, "internal-error" },
        { new OperationCanceledException(), 500, "internal-error" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void Of_Exception_IsItsAnswer(Exception error, int status, string code)
    {
        var problem = HttpFailure.Of(error, CancellationToken.None);
        Assert.Equal((status, code), (problem.Status, problem.Code));
    }

    [Fact]
    public void Of_CancelledByTheTimeLimit_IsTryAgain() =>
        Assert.Equal("time-limit", HttpFailure.Of(new OperationCanceledException(), new CancellationToken(canceled: true)).Code);
}
